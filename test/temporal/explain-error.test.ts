import { expect, it } from 'vitest';
import { explainTemporalError, TemporalSilentError } from '../../src/temporal/explain-error.js';

const target = { connectionOptions: { address: 'temporal.example:7233' }, namespace: 'jobs' };
/** Like the SDK's errors: the message names the call, the cause says why. */
const service = (code: number, details: string) =>
  new Error('Failed to describe workflow', {
    cause: Object.assign(new Error(`${code}: ${details}`), { code, details }),
  });
const native = (text: string) => Object.assign(new Error(text), { name: 'TransportError' });

it.each([
  [service(5, 'Namespace jobs is not found.'), 'namespace', 'operator namespace create --namespace jobs'],
  [service(16, 'Request unauthorized.'), 'not let in', 'TEMPORAL_API_KEY'],
  [service(7, 'Request unauthorized.'), 'not allowed', 'have an administrator grant it'],
  [
    native(
      'tonic::transport::Error(Transport, ConnectError(ConnectError("tcp connect error", 127.0.0.1:1, Os { code: 111, kind: ConnectionRefused, message: "Connection refused" })))',
    ),
    'away',
    'got "Connection refused": start it, or correct TEMPORAL_ADDRESS',
  ],
  [
    native(
      'tonic::transport::Error(Transport, ConnectError(ConnectError("dns error", Custom { kind: Uncategorized, error: "failed to lookup address information: Name or service not known" })))',
    ),
    'away',
    'got "failed to lookup address information: Name or service not known"',
  ],
  [
    native('tonic::transport::Error(Transport, ConnectError(invalid peer certificate: UnknownIssuer))'),
    'certificate',
    'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  ],
  [new TemporalSilentError(10_000), 'away', 'no answer within 10 s'],
])('%s is %s', (error, kind, words) => {
  const trouble = explainTemporalError(error, target, {});
  expect(trouble.kind).toBe(kind);
  expect(trouble.sentence).toContain(words);
  expect(trouble.sentence).toContain('at temporal.example:7233');
  expect(trouble.sentence).not.toMatch(/tonic|Failed to describe/);
});

it('names a proxy that is in the way, but not for this machine', () => {
  const env = { http_proxy: 'http://proxy:3128' };
  const error = new Error('Failed to connect before the deadline');
  expect(explainTemporalError(error, target, env).sentence).toContain(
    'http_proxy sends gRPC through a proxy',
  );
  expect(explainTemporalError(error, target, { ...env, no_proxy: '.example' }).sentence).not.toContain(
    'proxy',
  );
  const here = { ...target, connectionOptions: { address: '127.0.0.1:7233' } };
  expect(explainTemporalError(error, here, env).sentence).not.toContain('proxy');
});
