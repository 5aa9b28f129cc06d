import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import {
  loadClientConfigProfile,
  toClientOptions,
  type ClientConfigTLS,
  type ClientConnectConfig,
} from '@temporalio/envconfig';
import { SettingsError } from '../config.js';
import { messageOf } from '../domain/trouble.js';
import { shown } from '../domain/wording.js';
import { hostOf, isLoopback } from './address.js';

const DEFAULT_NAMESPACE = 'default';
/** The address of Temporal unless another is set. */
export const DEFAULT_ADDRESS = 'localhost:7233';
const SENDABLE = 'printable ASCII characters, got none, or others such as a trailing line break';

type Connection = ClientConnectConfig['connectionOptions'];

/** How to reach Temporal, from TEMPORAL_* and the profiles of @temporalio/envconfig, with TLS and API keys. */
export interface TemporalTarget {
  connectionOptions: Connection;
  namespace: string;
}

/**
 * Reads how to reach Temporal from the environment and the configuration file that it names. As with settings, an empty or blank
 * value counts as not set.
 *
 * Checks only what `@temporalio/envconfig` and gRPC get wrong: they would turn TLS off, send a key in cleartext, quote a secret, or
 * report a server that does not answer.
 *
 * @throws SettingsError if a value is wrong, and an Error if a file or the profile cannot be read: with what to do, and without
 *   secrets
 */
export function readTemporalTarget(env: NodeJS.ProcessEnv = process.env): TemporalTarget {
  const { tls, options } = load(readVariables(env));
  const { connectionOptions, namespace = DEFAULT_NAMESPACE } = options;
  const mistakes = [...findMistakes(connectionOptions), ...findTlsMistakes(tls, connectionOptions)];
  if (mistakes.length > 0) throw new SettingsError(mistakes);
  return { connectionOptions, namespace };
}

function readVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    // An empty header is Temporal's way to drop the profile's.
    if (value !== undefined && (value.trim() !== '' || name.startsWith('TEMPORAL_GRPC_META_')))
      given[name] = value;
  }
  const { TEMPORAL_TLS: tls } = given;
  if (tls !== undefined) {
    // The library reads any unknown value as false: a typo would turn TLS off.
    if (!/^(true|false|1|0)$/i.test(tls))
      throw new SettingsError([`TEMPORAL_TLS: expected true, false, 1 or 0, got ${shownUnlessSecret(tls)}`]);
    // Temporal's other clients accept any case.
    given['TEMPORAL_TLS'] = tls.toLowerCase();
  }
  return given;
}

function load(env: Record<string, string>): {
  tls: ClientConfigTLS | undefined;
  options: ClientConnectConfig;
} {
  try {
    const { TEMPORAL_CONFIG_FILE: file } = env;
    // The library treats a missing file like an empty one, which would turn TLS off.
    if (file !== undefined) readFileSync(file);
    const profile = loadClientConfigProfile({ overrideEnvVars: env });
    return { tls: profile.tls, options: toClientOptions(profile) };
  } catch (error) {
    // An error in a TOML file quotes the lines around it, which may contain the key: so only its first line, and no cause.
    const { message, line, path } = error as Error & { line?: number; path?: string };
    const [summary = ''] = message.split('\n', 1);
    throw new Error(
      `Expected TEMPORAL_* and the profile that they name to be readable, got ${shownUnlessSecret(path === undefined ? summary : message)}${line === undefined ? '' : ` in line ${line}`}: correct them, or the file that TEMPORAL_CONFIG_FILE names`,
    );
  }
}

/** A profile may hold values of any type. */
function findMistakes({ address = DEFAULT_ADDRESS, apiKey, tls, metadata }: Connection): string[] {
  const mistakes: string[] = [];
  const host = hostOf(address);
  if (host === null)
    mistakes.push(
      `TEMPORAL_ADDRESS, or the profile's: expected <host>:<port> or [<IPv6 address>]:<port>, with a port from 1 to 65535, got ${shownUnlessSecret(address)}`,
    );
  if (apiKey !== undefined && !isSendable(apiKey))
    mistakes.push(`TEMPORAL_API_KEY, or the profile's: expected ${SENDABLE}`);
  for (const [name, value] of Object.entries<unknown>(metadata ?? {})) {
    if (value !== '' && !isSendable(value))
      mistakes.push(`TEMPORAL_GRPC_META_* (${name}): expected ${SENDABLE}`);
  }
  // Everything on the way could read it. What listens on this machine, such as a tunnel, may add TLS.
  if (apiKey !== undefined && tls === false && host !== null && !isLoopback(host))
    mistakes.push(
      'TEMPORAL_TLS, or the profile\'s: expected TLS to be on, because the API key would go to another machine in cleartext, got "off"',
    );
  return mistakes;
}

/** Anything else makes gRPC refuse each call with a message that quotes it. */
function isSendable(value: unknown): boolean {
  return typeof value === 'string' && /^[ -~]*[!-~][ -~]*$/.test(value);
}

/** The library drops half a pair, and reports a file that is no PEM as a server that does not answer. */
function findTlsMistakes(given: ClientConfigTLS | undefined, { tls }: Connection): string[] {
  if (given === undefined || typeof tls !== 'object' || tls === null) return [];
  const { clientCertPair: pair, serverRootCACertificate: authority } = tls;
  const [certificate, key] = ['TEMPORAL_TLS_CLIENT_CERT_*', 'TEMPORAL_TLS_CLIENT_KEY_*'];
  if ((given.clientCert === undefined) !== (given.clientKey === undefined))
    return [
      `${certificate} and ${key}, or the profile's: expected both or neither, got one: set the other too`,
    ];
  return [
    ...refusal(
      `${certificate} and ${key}`,
      'a certificate in PEM and its private key, without a passphrase',
      () => {
        if (pair) createSecureContext({ cert: Buffer.from(pair.crt), key: Buffer.from(pair.key) });
      },
    ),
    ...refusal('TEMPORAL_TLS_SERVER_CA_CERT_*', 'a certificate in PEM', () => {
      if (authority) new X509Certificate(authority);
    }),
  ];
}

function refusal(name: string, expected: string, check: () => void): string[] {
  try {
    check();
    return [];
  } catch (error) {
    return [`${name}, or the profile's: expected ${expected}, got ${shownUnlessSecret(messageOf(error))}`];
  }
}

/** A value as an error text shows it, unless it may be, or hold, a secret. */
function shownUnlessSecret(value: unknown): string {
  const isPlain = /^[ -~]*$/.test(String(value)) && !/:\/\/|@|-----/.test(String(value));
  return isPlain ? shown(value) : '"<hidden>"';
}
