import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';

const DEFAULT_NAMESPACE = 'default';

/** Where Temporal is: TEMPORAL_* and the profiles of @temporalio/envconfig, with TLS and API keys. */
export interface TemporalTarget {
  connectionOptions: ClientConnectConfig['connectionOptions'];
  namespace: string;
}

/**
 * Reads where Temporal is from the environment and the configuration file it names. As with settings, an empty value counts
 * as not set.
 *
 * @throws when the file, the profile or a file that it names cannot be read, or when what goes with every call cannot be sent,
 *   with what to do and without the key
 */
export function readTemporalTarget(env: NodeJS.ProcessEnv = process.env): TemporalTarget {
  // An empty header is Temporal's own word for leaving out the profile's.
  const given = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (entry[1] !== '' || entry[0].startsWith('TEMPORAL_GRPC_META_')),
  );
  const { connectionOptions, namespace } = load(Object.fromEntries(given));
  const { apiKey, metadata = {} } = connectionOptions;
  for (const [name, value] of Object.entries({ 'the API key': apiKey, ...metadata })) {
    // Else gRPC would refuse the call with a message that quotes it.
    if (typeof value !== 'string' || /^[ -~]*$/.test(value)) continue;
    throw new Error(
      `Expected ${name} for Temporal to have only printable ASCII characters, got others, such as a line break at its end: correct TEMPORAL_API_KEY, TEMPORAL_GRPC_META_* or the profile`,
    );
  }
  return { connectionOptions, namespace: namespace ?? DEFAULT_NAMESPACE };
}

function load(env: Record<string, string>): ClientConnectConfig {
  try {
    return loadClientConnectConfig({ overrideEnvVars: env });
  } catch (error) {
    // A mistake in a TOML file comes with the lines around it, which may hold the key: so only the first, and no cause.
    const { message, line } = error as Error & { line?: number };
    const [summary = ''] = message.split('\n', 1);
    throw new Error(
      `Expected TEMPORAL_* and the profile that they name to say where Temporal is, got "${summary}"${line === undefined ? '' : ` in line ${line}`}: correct them, or the file that TEMPORAL_CONFIG_FILE names`,
    );
  }
}

/**
 * Connects a command to Temporal.
 *
 * @throws when Temporal does not answer within five seconds, saying where it was looked for
 */
export async function connectClient(
  { connectionOptions, namespace }: TemporalTarget,
  dataConverter?: DataConverter,
): Promise<Client> {
  const address = connectionOptions.address ?? 'localhost:7233';
  try {
    const options = { ...connectionOptions, connectTimeout: '5s' } as Parameters<
      typeof Connection.connect
    >[0];
    const connection = await Connection.connect(options);
    return new Client({ connection, namespace, ...(dataConverter && { dataConverter }) });
  } catch (error) {
    throw new Error(
      `Expected Temporal to answer at ${address}, got ${(error as Error).message}: start it, or set TEMPORAL_ADDRESS`,
      { cause: error },
    );
  }
}
