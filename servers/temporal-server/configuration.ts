import { freePort } from '../../src/servers/free-port.js';
import { lowPort } from './low-port.js';
import type { ServerState } from './state.js';

/**
 * The parts of a Temporal server. Each process of ours runs all of them. The internal frontend is for the server's own calls, which
 * present no token.
 */
export const SERVICES = ['frontend', 'internal-frontend', 'history', 'matching', 'worker'] as const;

/** A cluster keeps its number for good. More of them are more work for each process, and less for each lock. */
const HISTORY_SHARDS = 16;

/** The ports of one process, by service: where it serves, and where the processes find each other. */
export type Ports = Readonly<
  Record<(typeof SERVICES)[number], { readonly grpc: number; readonly membership: number }>
>;

/** Free ports, but for the frontend's if one is given. */
export async function choosePorts(frontend?: number): Promise<Ports> {
  const pair = async (grpc?: number) => ({ grpc: grpc ?? (await freePort()), membership: await lowPort() });
  return {
    frontend: await pair(frontend),
    'internal-frontend': await pair(),
    history: await pair(),
    matching: await pair(),
    worker: await pair(),
  };
}

/** A server that only answers to those who present a token. */
export interface ServerAccess {
  /** Where the server reads the keys that sign tokens, as a JWK set. */
  readonly keysUrl: string;
  /** A token of the system's administrator, to create the namespace. */
  readonly token: string;
}

/**
 * The configuration of one process, as JSON, which is YAML. It leaves every limit and every interval at the server's own value,
 * as in production: there is no dynamic configuration.
 */
export function serverConfiguration(
  { adminUrl, main, visibility }: ServerState,
  ports: Ports,
  access?: ServerAccess,
): string {
  const url = new URL(adminUrl);
  const store = (databaseName: string) => ({
    sql: {
      pluginName: 'postgres12',
      databaseName,
      connectAddr: `${url.hostname}:${url.port || '5432'}`,
      connectProtocol: 'tcp',
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      maxConns: 20,
      maxIdleConns: 20,
      maxConnLifetime: '1h',
    },
  });
  const services = SERVICES.map((service) => {
    const { grpc, membership } = ports[service];
    return [service, { rpc: { grpcPort: grpc, membershipPort: membership, bindOnLocalHost: true } }];
  });
  return JSON.stringify({
    log: { stdout: true, level: 'warn' },
    persistence: {
      defaultStore: 'main',
      visibilityStore: 'visibility',
      numHistoryShards: HISTORY_SHARDS,
      datastores: { main: store(main), visibility: store(visibility) },
    },
    global: {
      membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' },
      ...(access && {
        authorization: {
          jwtKeyProvider: { keySourceURIs: [access.keysUrl], refreshInterval: '1m' },
          permissionsClaimName: 'permissions',
          authorizer: 'default',
          claimMapper: 'default',
        },
      }),
    },
    services: Object.fromEntries(services) as unknown,
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `127.0.0.1:${ports.frontend.grpc}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
  });
}
