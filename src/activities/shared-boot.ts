import { randomUUID } from 'node:crypto';
import type { OtherReporter, Reporter, ReporterAnswer, ReporterProcess } from '../db/report-host.js';
import { isSameStart, type LivenessDriver, type Place } from '../liveness/index.js';

/**
 * What this process knows about whether its boot is also alive on another machine, as after a memory snapshot was restored. Then the
 * reports of both look like those of one, and a pid that is absent here may be alive there.
 *
 * A process that reported a moment ago and is not here has either just ended, or is on that other machine. Until it has been silent
 * long enough, or reports again and so settles it, nothing that is dead here is called dead. There is no doubt if it was seen alive here,
 * by this process or another one that is here, and has not reported since it was missed: pid and start never recur, so it has ended.
 */
export class SharedBoot {
  /** Random, because a process can have several copies of this module. Copies of its memory share it, which is how they are noticed. */
  readonly #instance = randomUUID();
  readonly #driver: LivenessDriver;
  /** The database's clock at one moment of this process's own clock. */
  #clock: { databaseMs: number; ownMs: number } | null = null;
  #turn: number | null = null;
  #absent: Reporter['absent'] = [];
  #seen: readonly ReporterProcess[] = [];
  #asked = 0;

  constructor(driver: LivenessDriver) {
    this.#driver = driver;
  }

  /** Keeps what the database's clock showed before now. */
  readClock(databaseMs: number): void {
    this.#clock = { databaseMs, ownMs: performance.now() };
  }

  /** This process for the next report; null if it cannot identify itself, or the database's clock has not been read. */
  introduce(isLeaving: boolean): { me: Reporter; nr: number } | null {
    const self = this.#driver.inPlace('self');
    if (self.kind !== 'present' || this.#clock === null) return null;
    const me: Reporter = {
      pid: self.pid,
      start: self.start,
      instance: this.#instance,
      turn: this.#turn,
      sentMs: this.#nowMs(),
      absent: this.#absent,
      seen: this.#seen,
      isLeaving,
    };
    this.#asked += 1;
    // Unknown until there is an answer: if the answer is lost, so is the turn.
    this.#turn = null;
    return { me, nr: this.#asked };
  }

  /**
   * Takes the answer to a report, and looks for the other processes that it names.
   *
   * @returns why nothing may be called dead here now, or null
   */
  hear(answer: ReporterAnswer, { me, nr }: { me: Reporter; nr: number }, place: Place): string | null {
    // An answer that came too late: its turn and its time are outdated, and a later report has been sent without them.
    if (nr !== this.#asked) return 'a later report overtook this one, which may be outdated';
    this.#turn = answer.turn;
    this.readClock(answer.nowMs);
    const others = answer.others.map((other) => ({ other, state: this.#lookFor(other, me) }));
    this.#absent = others
      .filter(({ state }) => state === 'absent')
      .map(
        ({ other: { pid, start } }) =>
          this.#absent.find((known) => isSame(known, { pid, start })) ?? { pid, start, atMs: this.#nowMs() },
      );
    const hasSeen = (other: ReporterProcess) => this.#seen.some((known) => isSame(known, other));
    this.#seen = others
      .filter(({ other, state }) => state === 'alive' || hasSeen(other))
      .map(({ other: { pid, start } }) => ({ pid, start }));
    if (answer.isTwice) return `boot ${place.bootId} is alive on two machines`;
    if (answer.isLate) return 'this probe or its report was delayed: what it saw may be outdated';
    const missing = others.find(({ other, state }) => state === 'absent' && !this.#hasEnded(other, me));
    if (missing === undefined) return null;
    const { other } = missing;
    return `another probe of boot ${place.bootId} reported a moment ago (pid ${other.pid}, start tick ${other.start}) and is not on this machine: it has just ended, or two machines have this boot`;
  }

  /** Whether one that is absent was here. */
  #hasEnded(other: OtherReporter, me: ReporterProcess): boolean {
    const missedMs = this.#absent.find((known) => isSame(known, other))?.atMs ?? -Infinity;
    return (
      other.lastMs <= missedMs &&
      (this.#seen.some((known) => isSame(known, other)) ||
        other.seenBy.some((witness) => this.#lookFor(witness, me) === 'alive'))
    );
  }

  #lookFor(other: ReporterProcess, me: ReporterProcess): 'alive' | 'absent' | 'unclear' {
    // Starts may be read a tick apart, but no other process has this one's pid.
    if (other.pid === me.pid) return isSame(other, me) ? 'alive' : 'absent';
    const seen = this.#driver.inPlace(other.pid);
    if (seen.kind !== 'present') return seen.kind;
    if (!isSameStart(seen.start, other.start)) return 'absent';
    return seen.defunct ? 'unclear' : 'alive';
  }

  #nowMs(): number {
    if (this.#clock === null)
      throw new Error("Expected the database's clock to have been read, got no reading");
    return this.#clock.databaseMs + performance.now() - this.#clock.ownMs;
  }
}

function isSame(one: ReporterProcess, other: ReporterProcess): boolean {
  return one.pid === other.pid && one.start === other.start;
}
