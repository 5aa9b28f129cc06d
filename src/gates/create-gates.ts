import type { GateSpec } from '../domain/pipeline.js';
import { messageOf } from '../domain/trouble.js';
import { checkCommand } from './command.js';
import { checkFunction } from './function.js';
import { checkGit } from './git.js';
import { formatIssues } from './mistakes.js';
import { GateNotAsked } from './not-asked.js';
import { PlaceholderError } from './placeholders.js';
import { plainResult } from './plain.js';
import { DEFAULT_TIMEOUT_S, gateSchema, type AnyGateSpec } from './spec.js';
import { createSqlGate, type SqlGate, type Timed } from './sql.js';
import { GateFailure, type Gate, type GateInput, type GateResult } from './types.js';

/** Options of {@link createGates}. */
export interface GatesOptions {
  /** The database that sql gates query (REAPER_GATE_DATABASE_URL). Without it, they cannot be asked. */
  databaseUrl?: string | undefined;
  /** Gates of kind `function`, by name. */
  functions?: Readonly<Record<string, Gate>> | undefined;
}

/** Asks gates. */
export interface Gates {
  /**
   * Asks one gate. If something goes wrong once it has been asked, including its timeout, the answer is red with the cause.
   *
   * @throws GateNotAsked when it could not be asked, or its answer was lost: ask again. The signal's reason when it is
   *   aborted, or an error when the gates were closed: then nothing is known, and everything the gate started has ended
   */
  check(spec: GateSpec, input: GateInput, signal: AbortSignal): Promise<GateResult>;
  /** Cancels running checks, waits until they end and closes the connections. May be called again. */
  close(): Promise<void>;
}

/** A check in progress. */
interface Run {
  controller: AbortController;
  over: Promise<unknown>;
}

/** Gates of every kind. Nothing is started or connected before the first check. */
export function createGates(options: GatesOptions): Gates {
  const functions = new Map(Object.entries(options.functions ?? {}));
  const running = new Set<Run>();
  let sqlGate: SqlGate | undefined;
  let isClosed = false;

  async function dispatch(
    gate: AnyGateSpec,
    input: GateInput,
    controller: AbortController,
  ): Promise<GateResult> {
    const { signal } = controller;
    const timeoutMs = (gate.timeout_s ?? DEFAULT_TIMEOUT_S) * 1000;
    const timed: Timed = (ask) => withTimeout(timeoutMs, controller, ask);
    switch (gate.kind) {
      case 'git':
        return timed(() => checkGit(gate, input, { signal }));
      case 'command':
        return timed(() => checkCommand(gate, input, { signal }));
      case 'function':
        return timed(() => checkFunction(gate, functions, input, { signal }));
      case 'sql':
        if (options.databaseUrl === undefined) {
          throw new GateNotAsked('expected a database for the sql gate: set REAPER_GATE_DATABASE_URL');
        }
        sqlGate ??= createSqlGate(options.databaseUrl);
        return sqlGate.check(gate, input, { signal, timed });
    }
  }

  return {
    async check(spec, input, signal) {
      signal.throwIfAborted();
      if (isClosed) throw closedError();
      const parsed = gateSchema.safeParse(spec);
      if (!parsed.success) {
        const reason = `the gate's parameters are wrong: ${formatIssues(parsed.error).join('; ')}`;
        return plainResult({ green: false, reason });
      }
      const gate = parsed.data;
      const controller = new AbortController();
      const cancel = () => controller.abort(signal.reason);
      signal.addEventListener('abort', cancel);
      const over = answer(controller.signal, () => dispatch(gate, input, controller));
      const run = { controller, over };
      running.add(run);
      try {
        return plainResult(await over);
      } finally {
        running.delete(run);
        signal.removeEventListener('abort', cancel);
        // Cancelled while a timeout was ending the gate: nobody is waiting for that answer.
        signal.throwIfAborted();
      }
    },
    async close() {
      isClosed = true;
      for (const { controller } of running) controller.abort(closedError());
      await Promise.allSettled([...running].map(({ over }) => over));
    },
  };
}

/** A gate's own timeout. */
class GateTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`expected an answer within ${timeoutMs / 1000} s, got none: the gate was ended`);
  }
}

/** Ends what it waits for at the gate's timeout, which starts when the gate is asked. */
async function withTimeout<T>(
  timeoutMs: number,
  controller: AbortController,
  ask: () => Promise<T>,
): Promise<T> {
  const timer = setTimeout(() => controller.abort(new GateTimeout(timeoutMs)), timeoutMs);
  try {
    return await ask();
  } finally {
    clearTimeout(timer);
  }
}

/** Turns an error into a red answer, unless the gate was not asked or the check was cancelled. */
async function answer(signal: AbortSignal, ask: () => Promise<GateResult>): Promise<GateResult> {
  try {
    const result = await ask();
    signal.throwIfAborted();
    return result;
  } catch (error) {
    const { reason } = signal as { reason: unknown };
    if (signal.aborted && !(reason instanceof GateTimeout)) throw reason;
    if (error instanceof GateNotAsked) throw error;
    if (!(reason instanceof GateTimeout)) return failed(error);
    const evidence = error instanceof GateFailure ? { evidence: error.evidence } : {};
    return { green: false, reason: reason.message, ...evidence };
  }
}

function closedError(): Error {
  return new Error('expected open gates, got closed ones: ask again after a restart');
}

function failed(error: unknown): GateResult {
  const message = messageOf(error);
  if (error instanceof PlaceholderError) return { green: false, reason: message };
  const known = error instanceof GateFailure ? error.evidence : {};
  const code = error instanceof Error && 'code' in error ? { code: String(error.code) } : {};
  return {
    green: false,
    reason: `the gate failed: ${message}`,
    evidence: { ...known, error: message, ...code },
  };
}
