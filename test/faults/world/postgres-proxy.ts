import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** What is to happen at a statement, and breaks its connection. */
export interface Ambush {
  /** `asked`: before the server hears of it. `committed`: when it has committed it, before the client hears of that. */
  when: 'asked' | 'committed';
  /** Matches the transaction, or the statement; null for anything that wrote. */
  after: RegExp | null;
  spring(): void;
}

/** The server is ready for the next statement, outside any transaction: whatever came before is committed. */
const IDLE = 'Z\0\0\0\x05I';
const WROTE = /(?:COMMIT|UPDATE [1-9]\d*|INSERT 0 [1-9]\d*)\0/;
const KEPT = 20_000;

/** The way of one process to Postgres. It can break every connection, and lose the answer to a COMMIT. */
export class PostgresProxy {
  readonly #sockets = new Set<Socket>();
  readonly #ambushes = new Set<Ambush>();

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {}

  static async to(targetPort: number): Promise<PostgresProxy> {
    const server = createServer();
    const proxy = new PostgresProxy(server, targetPort);
    server.on('connection', (near) => proxy.#join(near));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** The same URL by way of this proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.host = `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return changed.href;
  }

  /** Lies in wait for the next statement that matches. Returns how to call it off. */
  lieInWait(ambush: Ambush): () => void {
    this.#ambushes.add(ambush);
    return () => void this.#ambushes.delete(ambush);
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(near: Socket): void {
    const far = connect(this.targetPort, '127.0.0.1');
    let asked = '';
    const springs = (when: Ambush['when'], matches: (after: RegExp | null) => boolean): boolean => {
      const ambush = [...this.#ambushes].find((each) => each.when === when && matches(each.after));
      if (ambush === undefined) return false;
      this.#ambushes.delete(ambush);
      ambush.spring();
      near.destroy();
      far.destroy();
      return true;
    };
    near.on('data', (data) => {
      asked = (asked + data.toString('latin1')).slice(-KEPT);
      if (!springs('asked', (after) => after?.test(asked) === true)) far.write(data);
    });
    far.on('data', (data) => {
      const answer = data.toString('latin1');
      if (answer.endsWith(IDLE)) {
        const isHit = (after: RegExp | null) => (after === null ? WROTE.test(answer) : after.test(asked));
        if (springs('committed', isHit)) return;
        asked = '';
      }
      near.write(data);
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('end', () => other.end());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }
}
