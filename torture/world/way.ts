import { EventEmitter, once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Which data of a silent connection are swallowed. */
export type Silence = 'both ways' | 'towards the server' | 'from the server';

/** One connection, from the process to the server. */
interface Passage {
  /** To the process. */
  near: Socket;
  /** To the server. */
  far: Socket;
  silence: Silence | null;
}

/** Sees the data of one connection. Data for which it returns false is not passed on. */
export interface Tap {
  asked(data: Buffer): boolean;
  answered(data: Buffer): boolean;
}

/** Breaks a connection on both sides. */
export type Break = () => void;

/** Connections that have gone silent: neither side notices when the other one gives up. */
export interface SilentPassages {
  count: number;
  /** Whether their process has given all of them up. */
  areGivenUp(): boolean;
  /** Breaks those that are left, as a network does in the end. */
  end(): void;
}

/** The way of one process to a server: it can be cut, and its connections can go silent while new ones work. */
export class Way {
  readonly #passages = new Set<Passage>();
  /** Hears when a process says something. */
  readonly #said = new EventEmitter();
  #server: Server | null = null;
  #port = 0;

  private constructor(
    private readonly targetPort: number,
    private readonly tapOf: (breaks: Break) => Tap | null,
  ) {}

  /** @param tapOf makes what sees the data of a new connection */
  static async to(targetPort: number, tapOf: (breaks: Break) => Tap | null = () => null): Promise<Way> {
    const way = new Way(targetPort, tapOf);
    await way.restore();
    return way;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** The same URL by this way. */
  through(url: string): string {
    const changed = new URL(url);
    changed.host = this.address;
    return changed.href;
  }

  /** Swallows what the connections that are open now still say, without a FIN or RST. Null when none is open. */
  silence(silence: Silence): SilentPassages | null {
    const silent = [...this.#passages].filter((passage) => passage.silence === null);
    if (silent.length === 0) return null;
    for (const passage of silent) passage.silence = silence;
    return {
      count: silent.length,
      areGivenUp: () => silent.every(({ near }) => near.destroyed),
      end: () => silent.forEach((passage) => this.#break(passage)),
    };
  }

  /** The same; if none is open, the next one goes silent as soon as its process has said something. Null when none comes in time. */
  async silenceNext(silence: Silence, limitMs: number): Promise<SilentPassages | null> {
    const signal = AbortSignal.timeout(limitMs);
    while (!signal.aborted) {
      const silent = this.silence(silence);
      if (silent !== null) return silent;
      await once(this.#said, 'said', { signal }).catch(() => undefined);
    }
    return null;
  }

  /** Breaks every connection and refuses new ones. */
  async cut(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, 'close');
    server.close();
    for (const passage of this.#passages) this.#break(passage);
    await closed;
  }

  async restore(): Promise<void> {
    if (this.#server !== null) return;
    const server = createServer((near) => this.#join(near));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  stop(): Promise<void> {
    return this.cut();
  }

  #break(passage: Passage): void {
    passage.near.destroy();
    passage.far.destroy();
    this.#passages.delete(passage);
  }

  #join(near: Socket): void {
    const far = connect(this.targetPort, '127.0.0.1');
    const passage: Passage = { near, far, silence: null };
    this.#passages.add(passage);
    const tap = this.tapOf(() => this.#break(passage));
    near.on('data', (data) => {
      if (isDeaf(passage, 'towards the server')) return;
      if (tap?.asked(data) !== false) far.write(data);
      this.#said.emit('said');
    });
    far.on('data', (data) => {
      if (isDeaf(passage, 'from the server')) return;
      if (tap?.answered(data) !== false) near.write(data);
    });
    for (const [one, other, direction] of [
      [near, far, 'towards the server'],
      [far, near, 'from the server'],
    ] as const) {
      one.setNoDelay(true);
      // That one side gives up is news as well, which a silent connection keeps.
      const tell = (work: () => void) => () => isDeaf(passage, direction) || work();
      one.on(
        'error',
        tell(() => other.destroy()),
      );
      one.on(
        'end',
        tell(() => other.end()),
      );
      one.on(
        'close',
        tell(() => other.destroy()),
      );
      one.on('close', () => {
        if (near.destroyed && far.destroyed) this.#passages.delete(passage);
      });
    }
  }
}

function isDeaf({ silence }: Passage, direction: Silence): boolean {
  return silence === 'both ways' || silence === direction;
}
