import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A way to a server that can be cut and restored: to those behind it, the server is away and comes back. */
export class Proxy {
  #server: Server | null = null;
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly port: number,
    readonly target: { host: string; port: number },
  ) {}

  static async to(target: { host: string; port: number }, port: number): Promise<Proxy> {
    const proxy = new Proxy(port, target);
    await proxy.restore();
    return proxy;
  }

  async restore(): Promise<void> {
    this.#server = createServer((near) => {
      const far = connect(this.target.port, this.target.host);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Breaks every connection and refuses new ones. */
  async cut(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
