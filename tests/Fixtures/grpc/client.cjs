// Calls analytics.AnalyticsEngine with npm's grpc-js and the .proto. Run by GrpcClientTests with the address and the folder of the protos.
const assert = require('node:assert');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, protos] = process.argv.slice(2);
const load = (file) => grpc.loadPackageDefinition(loader.loadSync(file, { keepCase: true, longs: Number, defaults: true, includeDirs: [protos] }));
const open = (Client, options) => new Client(address, grpc.credentials.createInsecure(), { 'grpc.enable_http_proxy': 0, ...options });
const plenty = () => ({ deadline: Date.now() + 60_000 });
const call = (client, method, request, options = plenty()) =>
  new Promise((done, fail) => client[method](request, options, (error, response) => (error ? fail(error) : done(response))));
const status = (promise) => promise.then(() => grpc.status.OK, (error) => error.code);

async function main() {
  const { AnalyticsEngine } = load('analytics.proto').analytics;
  const client = open(AnalyticsEngine);

  const response = await call(client, 'Analyze', { request_id: 'r', algorithm: 'kmeans', data: [1, 2, 3, 4, 5], params: { k: '2' } });
  assert.ok(response.success && response.request_id === 'r' && JSON.parse(response.result_json).mean === 3, JSON.stringify(response));

  const told = await call(client, 'Analyze', { algorithm: 'mean', data: [1, 3], options: { include_metadata: true } });
  assert.deepEqual({ ...told.metadata }, { implementation: 'native', execution_time_ms: 1.5, algorithm_version: '1', n: 2, cached: true, worker: 7 });

  const zipping = open(AnalyticsEngine, { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip });
  assert.equal(JSON.parse((await call(zipping, 'Analyze', { algorithm: 'mean', data: Array(100_000).fill(2) })).result_json).mean, 2);
  zipping.close();

  const answers = {};
  const requests = Array.from({ length: 20 }, (_, i) => ({ request_id: `${i}`, algorithm: i % 2 ? 'mean' : 'Overloaded' }));
  for await (const answer of client.BatchAnalyze({ requests }, plenty())) answers[answer.request_id] = answer.success;
  assert.deepEqual(answers, Object.fromEntries(requests.map((r) => [r.request_id, r.algorithm === 'mean'])));

  assert.equal(await status(call(client, 'Analyze', { algorithm: 'Overloaded' })), grpc.status.RESOURCE_EXHAUSTED);
  assert.equal(await status(call(client, 'Analyze', { algorithm: 'wait' }, { deadline: Date.now() + 300 })), grpc.status.DEADLINE_EXCEEDED);
  const nothing = new Promise((done, fail) => client.makeUnaryRequest('/no.Such/Method', (b) => b, (b) => b, Buffer.alloc(0), (error) => (error ? fail(error) : done())));
  assert.equal(await status(nothing), grpc.status.UNIMPLEMENTED);

  const cancelled = new Promise((done) => {
    const running = client.Analyze({ algorithm: 'wait' }, plenty(), (error) => done(error.code));
    setImmediate(() => running.cancel());
  });
  assert.equal(await cancelled, grpc.status.CANCELLED);
  client.close();

  const health = open(load('grpc/health/v1/health.proto').grpc.health.v1.Health);
  assert.equal((await call(health, 'Check', { service: 'analytics.AnalyticsEngine' })).status, 1);
  health.close();
  console.log('all is well');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
