import { messageOf, type Trouble } from '../domain/trouble.js';
import { hostOf, isLoopback } from './address.js';
import { DEFAULT_ADDRESS, type TemporalTarget } from './read-target.js';

const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const UNAUTHENTICATED = 16;

const MAX_CAUSES = 5;
/** The variables that make gRPC use a proxy. */
const PROXIES = ['grpc_proxy', 'https_proxy', 'http_proxy'];

/** Thrown when Temporal does not answer in time. */
export class TemporalSilentError extends Error {
  override name = 'TemporalSilentError';

  constructor(readonly limitMs: number) {
    super(`no answer within ${limitMs / 1000} s`);
  }
}

/** Explains a failure of Temporal: what it means, which address was used, and what to do next. Contains no credential. */
export function explainTemporalError(
  error: unknown,
  { connectionOptions, namespace }: TemporalTarget,
  env: NodeJS.ProcessEnv = process.env,
): Trouble {
  const address = connectionOptions.address ?? DEFAULT_ADDRESS;
  const { code, text } = innermost(error);
  const got = readable(text);
  const told = (kind: string, expected: string, todo: string): Trouble => ({
    kind,
    sentence: `Expected ${expected} at ${address}, got "${got}": ${todo}`,
  });
  switch (code) {
    case NOT_FOUND:
      if (/namespace/i.test(got))
        return told(
          'namespace',
          `namespace "${namespace}"`,
          `create it (temporal operator namespace create --namespace ${namespace} --retention 30d), or correct TEMPORAL_NAMESPACE`,
        );
      break;
    case UNAUTHENTICATED:
      return told(
        'not let in',
        'to connect to Temporal',
        'correct TEMPORAL_API_KEY, or the client certificate',
      );
    case PERMISSION_DENIED:
      return told(
        'not allowed',
        `to be allowed to work in namespace "${namespace}"`,
        'have an administrator grant it, or correct TEMPORAL_NAMESPACE and the credentials',
      );
    case RESOURCE_EXHAUSTED:
      return told('full', 'free capacity', 'it refuses calls beyond its limits: raise them, or wait');
    case UNIMPLEMENTED:
      return told('refused', 'a Temporal server', 'something else listens there: correct TEMPORAL_ADDRESS');
  }
  if (/UnknownIssuer|self.signed|unable to (get|verify)|invalid peer certificate/i.test(got))
    return told(
      'certificate',
      'a certificate for this name, signed by a known authority',
      'set TEMPORAL_TLS_SERVER_CA_CERT_PATH to the certificate of a private authority, and TEMPORAL_TLS_SERVER_NAME to another name in the certificate',
    );
  if (/corrupt message|InvalidContentType|wrong version number|received corrupt/i.test(got))
    return told('tls', 'TLS', 'the server does not use it: set TEMPORAL_TLS to false, or turn TLS on there');
  const proxy = proxyInTheWay(address, env);
  return told(
    'away',
    'Temporal to answer',
    proxy === null
      ? 'start it, or correct TEMPORAL_ADDRESS'
      : `start it, correct TEMPORAL_ADDRESS, or add its host to no_proxy, because ${proxy} sends gRPC through a proxy`,
  );
}

/**
 * Why Temporal did not answer, in short. The SDK's own message names only the call; the reason is in its causes.
 *
 * @param limitMs time limit of the call, in milliseconds
 */
export function describeTemporalError(error: unknown, limitMs: number): string {
  const { code, text } = innermost(error);
  return code === CANCELLED || code === DEADLINE_EXCEEDED
    ? `no answer within ${limitMs / 1000} s`
    : readable(text);
}

/** Code and text of the first cause that came from gRPC; else the outermost message. */
function innermost(error: unknown): { code: number | null; text: string } {
  let cause = error;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth += 1, cause = cause.cause) {
    const { code, details } = cause as { code?: unknown; details?: unknown };
    if (typeof code === 'number')
      return { code, text: typeof details === 'string' && details ? details : cause.message };
  }
  return { code: null, text: messageOf(error) };
}

/** Finds the operating system's message in what the SDK's native part prints. */
function readable(text: string): string {
  if (!/tonic::|transport::Error|ConnectError/.test(text)) return text;
  const words =
    /message: "([^"]+)"/.exec(text) ?? /error: "([^"]+)"/.exec(text) ?? /ConnectError\("([^"]+)"/.exec(text);
  if (text.includes('invalid peer certificate'))
    return /invalid peer certificate: \w+/.exec(text)?.[0] ?? 'a certificate';
  return words?.[1] ?? 'no connection';
}

function proxyInTheWay(address: string, env: NodeJS.ProcessEnv): string | null {
  const host = hostOf(address) ?? address;
  if (isLoopback(host)) return null;
  const exempt = (env['no_grpc_proxy'] ?? env['no_proxy'] ?? '').split(',').map((name) => name.trim());
  if (exempt.some((name) => name !== '' && host.endsWith(name))) return null;
  return PROXIES.find((name) => env[name]) ?? null;
}
