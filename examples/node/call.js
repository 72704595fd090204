// One call to one device: node call.js [DEVICE [METHOD [PARAMS]]]
const { ask, deviceId, login, rpc } = require("./contract");

async function main([device = "Test Device A1", method = "setGpio", params = '{"pin":7,"value":1}']) {
  const metadata = await login("tenant@thingsboard.org", "tenant");
  const request = {
    device_id: await deviceId(device, metadata),
    method,
    params: Buffer.from(params),
    kind: "CALL_KIND_TWO_WAY",
  };
  // The gRPC deadline is the call's timeout.
  const answer = await ask(rpc, "Call", request, metadata, { deadline: Date.now() + 5000 });
  console.log(answer.outcome, answer.reply.toString());
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`${error.code} ${error.details}`);
  process.exitCode = 1;
});
