// Loads Trunkline's contract from its .proto files: no code generation, no package of ours.
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const protoLoader = require("@grpc/proto-loader");

// A checkout has the protos here; an installed wheel has the same tree as trunkline/v1/proto.
const protos = process.env.TRUNKLINE_PROTOS ?? path.join(__dirname, "../../proto");
const services = ["identity_service", "device_service", "rpc_service"];
const definition = protoLoader.loadSync(
  services.map((name) => `trunkline/v1/${name}.proto`),
  { includeDirs: [protos], keepCase: true, longs: Number, enums: String, oneofs: true },
);
const { IdentityService, DeviceService, RpcService } = grpc.loadPackageDefinition(definition).trunkline.v1;

const target = process.env.TRUNKLINE_GRPC ?? "localhost:9090";
const credentials = grpc.credentials.createInsecure(); // loopback; put TLS before the port elsewhere

// One unary call as a promise.
function ask(client, method, request, metadata = new grpc.Metadata(), options = {}) {
  return new Promise((resolve, reject) => {
    client[method](request, metadata, options, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

// Logs in and gives the metadata that proves it.
async function login(email, password) {
  const identity = new IdentityService(target, credentials);
  const { tokens } = await ask(identity, "Login", { email, password });
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${tokens.access_token}`);
  return metadata;
}

// The id of a device by its name, as UUID text.
async function deviceId(name, metadata) {
  const devices = new DeviceService(target, credentials);
  const { device } = await ask(devices, "GetDevice", { name }, metadata);
  return device.id;
}

const rpc = new RpcService(target, credentials);

module.exports = { ask, deviceId, login, rpc };
