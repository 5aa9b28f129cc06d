import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** Which direction of a connection goes silent. */
export type Direction = 'to the server' | 'from the server' | 'both ways';

/** The two halves of one connection through the proxy. */
interface Pair {
  near: Socket;
  far: Socket;
  silent: Direction | null;
}

/** A way to a server that can be cut and restored: its clients see the server go away and come back. */
export class Proxy {
  #server: Server | null = null;
  readonly #pairs = new Set<Pair>();

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
      const pair: Pair = { near, far, silent: null };
      this.#pairs.add(pair);
      this.#forward(pair, near, far, 'to the server');
      this.#forward(pair, far, near, 'from the server');
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  #forward(pair: Pair, from: Socket, to: Socket, direction: Direction): void {
    const isSilent = () => pair.silent === 'both ways' || pair.silent === direction;
    from.on('data', (chunk) => {
      if (!isSilent()) to.write(chunk);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      // The end of a silent connection is not passed on, either.
      if (!isSilent()) to.destroy();
      if (pair.near.destroyed && pair.far.destroyed) this.#pairs.delete(pair);
    });
  }

  /** From now on the open connections swallow all data, without an end or an error; new ones work. Returns how many. */
  silence(direction: Direction = 'both ways'): number {
    for (const pair of this.#pairs) pair.silent = direction;
    return this.#pairs.size;
  }

  /** Breaks every connection and refuses new ones. */
  async cut(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, 'close');
    server.close();
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    await closed;
  }
}
