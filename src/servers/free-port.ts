import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

const handedOut = new Set<number>();

/**
 * Finds a TCP port on 127.0.0.1 that nothing listens on. Never returns the same one twice in this process.
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
 * If we merely closed the listener, the kernel might give its port to another process before our server has bound it. A
 * connection that the listening side closes first leaves the port in TIME_WAIT: for a minute the kernel picks others,
 * but a server (which sets SO_REUSEADDR) can still bind it by number.
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
