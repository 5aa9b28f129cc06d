import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** One address for several processes of a server, like the load balancer before a real cluster. */
export interface Balancer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Joins each connection to one of the targets that accept connections, in turn. */
export async function startBalancer(port: number, targetPorts: readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  let turn = 0;
  const join = async (near: Socket) => {
    near.on('error', () => undefined);
    const first = turn++;
    for (const at of targetPorts.keys()) {
      const far = connect(targetPorts[(first + at) % targetPorts.length] ?? 0, '127.0.0.1');
      const accepted = await once(far, 'connect').then(
        () => true,
        () => false,
      );
      if (!accepted) continue;
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        open.add(one);
        one.setNoDelay(true);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          open.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
      if (near.destroyed) far.destroy();
      return;
    }
    near.destroy();
  };
  const server = createServer((near) => void join(near));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
