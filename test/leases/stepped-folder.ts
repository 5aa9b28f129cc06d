import { LeaseFolder } from '../../src/leases/index.js';

type Call = 'list' | 'link' | 'rename' | 'unlink' | 'read';

/** A call that waits until the test lets it continue. */
export interface Pause {
  /** Resolves when the call is about to be made. */
  reached: Promise<void>;
  goOn(): void;
}

/** A lease folder whose calls can be delayed, so that a test decides what happens in between. */
export class SteppedFolder extends LeaseFolder {
  readonly #pauses: { call: Call; about: RegExp; reach: () => void; gone: Promise<void> }[] = [];

  /** Delays the next such call whose names match. */
  pauseBefore(call: Call, about = /^/): Pause {
    let reach = (): void => undefined;
    let goOn = (): void => undefined;
    const reached = new Promise<void>((resolve) => (reach = resolve));
    const gone = new Promise<void>((resolve) => (goOn = resolve));
    this.#pauses.push({ call, about, reach, gone });
    return { reached, goOn };
  }

  async #step(call: Call, ...names: string[]): Promise<void> {
    const at = this.#pauses.findIndex(
      (pause) => pause.call === call && names.some((name) => pause.about.test(name)),
    );
    if (at < 0) return;
    const [pause] = this.#pauses.splice(at, 1);
    pause?.reach();
    await pause?.gone;
  }

  override async list(...args: Parameters<LeaseFolder['list']>) {
    await this.#step('list', '');
    return super.list(...args);
  }

  override async read(name: string) {
    await this.#step('read', name);
    return super.read(name);
  }

  override async link(from: string, to: string) {
    await this.#step('link', from, to);
    return super.link(from, to);
  }

  override async rename(from: string, to: string) {
    await this.#step('rename', from, to);
    return super.rename(from, to);
  }

  override async unlink(name: string) {
    await this.#step('unlink', name);
    return super.unlink(name);
  }
}
