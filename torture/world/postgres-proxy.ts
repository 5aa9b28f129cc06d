import { Way, type Break, type Tap } from './way.js';

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
const WROTE = /(?:UPDATE [1-9]\d*|INSERT 0 [1-9]\d*)\0/;
/** Characters of a question that are remembered: more than a batch of claims, which names its statement first. */
const KEPT = 80_000;

/** The way of one process to Postgres. It can break a connection at a statement, and lose the answer to a COMMIT. */
export class PostgresProxy {
  private constructor(
    readonly way: Way,
    private readonly ambushes: Set<Ambush>,
  ) {}

  static async to(targetPort: number): Promise<PostgresProxy> {
    const ambushes = new Set<Ambush>();
    return new PostgresProxy(await Way.to(targetPort, (breaks) => tapFor(ambushes, breaks)), ambushes);
  }

  /** Lies in wait for the next statement that matches. Returns how to call it off. */
  lieInWait(ambush: Ambush): () => void {
    this.ambushes.add(ambush);
    return () => void this.ambushes.delete(ambush);
  }
}

/** What springs the ambushes on one connection. */
function tapFor(ambushes: Set<Ambush>, breaks: Break): Tap {
  let asked = '';
  let answer = '';
  const springs = (when: Ambush['when'], matches: (after: RegExp | null) => boolean): boolean => {
    const ambush = [...ambushes].find((each) => each.when === when && matches(each.after));
    if (ambush === undefined) return false;
    ambushes.delete(ambush);
    ambush.spring();
    breaks();
    return true;
  };
  return {
    asked(data) {
      asked = (asked + data.toString('latin1')).slice(-KEPT);
      return !springs('asked', (after) => after?.test(asked) === true);
    },
    answered(data) {
      answer = (answer + data.toString('latin1')).slice(-KEPT);
      if (!answer.endsWith(IDLE)) return true;
      const isHit = (after: RegExp | null) => (after === null ? WROTE.test(answer) : after.test(asked));
      if (springs('committed', isHit)) return false;
      asked = answer = '';
      return true;
    },
  };
}
