// Many calls on one stream: node call_stream.js [DEVICE [COUNT]]
const { deviceId, login, rpc } = require("./contract");

async function main([device = "Test Device A1", count = "10"]) {
  const metadata = await login("tenant@thingsboard.org", "tenant");
  const device_id = Buffer.from((await deviceId(device, metadata)).replaceAll("-", ""), "hex");
  const calls = Array.from({ length: Number(count) }, (_, index) => ({
    call: {
      tag: index + 1, // pairs a result with its call
      device_id,
      method: "setGpio",
      params: Buffer.from(JSON.stringify({ pin: index, value: 1 })),
      kind: "CALL_KIND_TWO_WAY",
      timeout_ms: 5000,
    },
  }));

  const stream = rpc.CallStream(metadata);
  let open = calls.length;
  stream.on("data", (batch) => {
    for (const { result } of batch.frames) {
      if (!result) continue; // the welcome
      console.log(result.tag, result.outcome, result.payload.toString());
      open -= 1;
    }
    if (open === 0) stream.end();
  });

  stream.write({ frames: [{ hello: { version: 1, software: "call_stream.js" } }] });
  stream.write({ frames: calls }); // one batch: what makes the stream fast
  await new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`${error.code} ${error.details}`);
  process.exitCode = 1;
});
