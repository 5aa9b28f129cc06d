import { closest, distance } from 'fastest-levenshtein';
import { isServiceLink } from '../service-links.js';

/** The variables that say where Temporal is, and TEMPORAL_CLI_PATH, which says where its CLI is. Headers come beside. */
const NAMES = [
  'TEMPORAL_ADDRESS',
  'TEMPORAL_API_KEY',
  'TEMPORAL_CLI_PATH',
  'TEMPORAL_CODEC_AUTH',
  'TEMPORAL_CODEC_ENDPOINT',
  'TEMPORAL_CONFIG_FILE',
  'TEMPORAL_NAMESPACE',
  'TEMPORAL_PROFILE',
  'TEMPORAL_TLS',
  'TEMPORAL_TLS_CLIENT_CERT_DATA',
  'TEMPORAL_TLS_CLIENT_CERT_PATH',
  'TEMPORAL_TLS_CLIENT_KEY_DATA',
  'TEMPORAL_TLS_CLIENT_KEY_PATH',
  'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION',
  'TEMPORAL_TLS_SERVER_CA_CERT_DATA',
  'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  'TEMPORAL_TLS_SERVER_NAME',
];
const HEADERS = 'TEMPORAL_GRPC_META_';
const TLS = 'TEMPORAL_TLS_';
const HOW_TO_MEND =
  'name the files in TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH and TEMPORAL_TLS_SERVER_CA_CERT_PATH, ' +
  'or set TEMPORAL_TLS to true or false';

/** Those of `TEMPORAL_*` that are set, and what is wrong with them. */
export interface TemporalVariables {
  given: Record<string, string>;
  mistakes: string[];
}

/**
 * Reads `TEMPORAL_*` more strictly than `@temporalio/envconfig`, which takes every flag that it does not know for false: a
 * mistyped TEMPORAL_TLS would turn TLS off.
 */
export function readVariables(env: NodeJS.ProcessEnv): TemporalVariables {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    // An empty header is Temporal's own word for leaving out the profile's.
    if (value !== undefined && (value.trim() !== '' || name.startsWith(HEADERS))) given[name] = value;
  }
  const mistakes = Object.keys(given).flatMap((name) => typo(name, given));
  const tls = given['TEMPORAL_TLS'];
  if (tls !== undefined) {
    // Temporal's other clients take any case.
    given['TEMPORAL_TLS'] = tls.toLowerCase();
    if (!/^(true|false|1|0)$/i.test(tls))
      mistakes.push(`TEMPORAL_TLS: expected true, false, 1 or 0, got ${shown(tls)}`);
  }
  const unverified = given['TEMPORAL_TLS_DISABLE_HOST_VERIFICATION'];
  if (unverified !== undefined && !/^(false|0)$/i.test(unverified)) {
    mistakes.push(
      `TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: expected false or 0, since the server is always verified, got ${shown(unverified)}: ` +
        'name its authority in TEMPORAL_TLS_SERVER_CA_CERT_PATH, and its name in TEMPORAL_TLS_SERVER_NAME',
    );
  }
  return { given, mistakes };
}

/**
 * Variables on TLS that nobody reads, such as TEMPORAL_TLS_CERT. Beside a connection without TLS they are a mistake; else they
 * may be another tool's.
 */
export function unreadOnTls({ given }: TemporalVariables): string[] {
  return Object.keys(given)
    .filter(
      (name) => name.startsWith(TLS) && !NAMES.includes(name) && !isServiceLink(name, given[name] ?? ''),
    )
    .map((name) => `${name}: no such variable, and TLS is off: ${HOW_TO_MEND}`);
}

/** A value for a message, unless it may be, or hold, a secret. */
export function shown(value: string): string {
  const isPlain = /^[ -~]{0,200}$/.test(value) && !/:\/\/|@|-----/.test(value);
  return isPlain ? `"${value}"` : '"<hidden>"';
}

/** Other tools have variables of that prefix, too: only what is nearly one of ours is taken for a mistake. */
function typo(name: string, given: Record<string, string>): string[] {
  if (!name.startsWith('TEMPORAL_') || name.startsWith(HEADERS) || NAMES.includes(name)) return [];
  const nearest = closest(name, NAMES);
  if (distance(name, nearest) > 2 || given[nearest] !== undefined) return [];
  return [`${name}: no such variable; did you mean ${nearest}?`];
}
