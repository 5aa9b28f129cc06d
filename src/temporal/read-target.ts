import { readFileSync } from 'node:fs';
import {
  loadClientConfigProfile,
  toClientOptions,
  type ClientConfigProfile,
  type ClientConnectConfig,
} from '@temporalio/envconfig';
import { SettingsError } from '../config.js';
import { isHostName, isLoopback, parseAddress } from './address.js';
import { checkTlsFiles } from './tls-files.js';
import { readVariables, shown, unreadOnTls, type TemporalVariables } from './variables.js';

const DEFAULT_NAMESPACE = 'default';
/** Where Temporal is looked for when nothing says where it is. */
export const DEFAULT_ADDRESS = 'localhost:7233';
const SENDABLE = 'printable ASCII characters, got nothing or others, such as a line break at its end';

/** Where Temporal is: TEMPORAL_* and the profiles of @temporalio/envconfig, with TLS and API keys. */
export interface TemporalTarget {
  connectionOptions: ClientConnectConfig['connectionOptions'];
  namespace: string;
}

/**
 * Reads where Temporal is from the environment and the configuration file it names. As with settings, a value that is empty or
 * blank counts as not set.
 *
 * @throws SettingsError for what is wrong with them, and an Error when the file or the profile cannot be read: with what to do,
 *   and without a secret
 */
export function readTemporalTarget(env: NodeJS.ProcessEnv = process.env): TemporalTarget {
  const variables = readVariables(env);
  const { given, mistakes } = variables;
  mistakes.push(...checkConfigFile(given['TEMPORAL_CONFIG_FILE']));
  if (mistakes.length > 0) throw new SettingsError(mistakes);
  const profile = load(given);
  mistakes.push(...checkProfile(profile, variables));
  if (mistakes.length > 0) throw new SettingsError(mistakes);
  const { connectionOptions, namespace } = toClientOptions(profile);
  return { connectionOptions, namespace: namespace ?? DEFAULT_NAMESPACE };
}

/** The library takes a file that is not there for one that says nothing, and with it TLS for off. */
function checkConfigFile(path: string | undefined): string[] {
  if (path === undefined) return [];
  try {
    readFileSync(path);
    return [];
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    return [`TEMPORAL_CONFIG_FILE: expected a file that can be read, got ${code} for ${shown(path)}`];
  }
}

function load(env: Record<string, string>): ClientConfigProfile {
  try {
    return loadClientConfigProfile({ overrideEnvVars: env });
  } catch (error) {
    // A mistake in a TOML file comes with the lines around it, which may hold the key: so only the first, and no cause.
    const { message, line } = error as Error & { line?: number };
    const [summary = ''] = message.split('\n', 1);
    throw new Error(
      `Expected TEMPORAL_* and the profile that they name to say where Temporal is, got "${summary}"${line === undefined ? '' : ` in line ${line}`}: correct them, or the file that TEMPORAL_CONFIG_FILE names`,
    );
  }
}

/** What is wrong with a profile, the variables that outrank it included. A file may hold values of any type. */
function checkProfile(profile: ClientConfigProfile, variables: TemporalVariables): string[] {
  const { address, namespace, apiKey, tls, grpcMeta = {} } = profile;
  const mistakes: string[] = [];
  const place = isText(address) ? parseAddress(address) : null;
  if (address !== undefined && place === null)
    refuse('ADDRESS', '<host>:<port> or [<IPv6 address>]:<port>, with a port from 1 to 65535', address);
  if (namespace !== undefined && !isText(namespace)) refuse('NAMESPACE', 'a name', namespace);
  if (apiKey !== undefined && !isSendable(apiKey)) refuse('API_KEY', SENDABLE);
  for (const [name, value] of Object.entries<unknown>(grpcMeta)) {
    if (!/^[0-9a-z_.-]+$/.test(name) || name.endsWith('-bin'))
      mistakes.push(
        `TEMPORAL_GRPC_META_*: expected names of a-z 0-9 . _ - that do not end in -bin, got ${shown(name)}`,
      );
    else if (value !== '' && !isSendable(value))
      mistakes.push(`TEMPORAL_GRPC_META_* (${name}): expected ${SENDABLE}`);
  }
  if (tls === undefined) {
    if (apiKey === undefined) mistakes.push(...unreadOnTls(variables));
    return mistakes;
  }
  const { disabled = false, serverName } = tls;
  if (typeof disabled !== 'boolean') refuse('TLS', 'true or false', disabled);
  if (serverName !== undefined && !(isText(serverName) && isHostName(serverName)))
    refuse('TLS_SERVER_NAME', 'the name of a host', serverName);
  if (!disabled) mistakes.push(...checkTlsFiles(tls, origin));
  // All on the way could read it. What listens on this machine, such as a tunnel, may add the TLS.
  else if (apiKey !== undefined && place !== null && !isLoopback(place.host))
    refuse('TLS', 'TLS to be on, since an API key would go to another machine in clear', 'off');
  return mistakes;

  function refuse(name: string, expected: string, got?: unknown): void {
    const came = got === undefined ? '' : `, got ${typeof got === 'string' ? shown(got) : `a ${typeof got}`}`;
    mistakes.push(`${origin(name)}: expected ${expected}${came}`);
  }

  /** The variable that a value comes from, or its key in the profile. */
  function origin(name: string): string {
    const names = [name, `${name}_PATH`, `${name}_DATA`].map((each) => `TEMPORAL_${each}`);
    const key = name === 'TLS' ? 'tls.disabled' : name.toLowerCase().replace(/^tls_/, 'tls.');
    return names.find((each) => variables.given[each] !== undefined) ?? `${key} of the profile`;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

/** Else gRPC would refuse each call, in words that quote it. */
function isSendable(value: unknown): boolean {
  return isText(value) && /^[ -~]*$/.test(value);
}
