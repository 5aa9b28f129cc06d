import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

const handedOut = new Set<number>();

/**
 * A TCP port that nothing listens on at 127.0.0.1, never the same one twice in this process.
 *
 * @throws when the system has no port left
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await reserve();
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    return port;
  }
}

/**
 * A port whose listener was merely closed may be given to the next asker before our server has bound it. One
 * connection that the listening side closes first leaves it in TIME_WAIT: the kernel then picks others for a
 * minute, while a server (which sets SO_REUSEADDR) may still bind it by number.
 */
async function reserve(): Promise<number> {
  const listener = createServer((socket) => socket.end());
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const client = connect(port, '127.0.0.1').resume();
  await once(client, 'close');
  listener.close();
  await once(listener, 'close');
  return port;
}
