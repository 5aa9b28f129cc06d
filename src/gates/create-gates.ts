import type { GateSpec } from '../domain/pipeline.js';
import { checkCommand } from './command.js';
import { checkFunction } from './function.js';
import { checkGit } from './git.js';
import { formatIssues } from './mistakes.js';
import { PlaceholderError } from './placeholders.js';
import { plainResult } from './plain.js';
import { DEFAULT_TIMEOUT_S, gateSchema, type AnyGateSpec } from './spec.js';
import { createSqlGate, type SqlGate } from './sql.js';
import { GateFailure, type Gate, type GateInput, type GateResult } from './types.js';
import { messageOf } from './wording.js';

/** Options of {@link createGates}. */
export interface GatesOptions {
  /** Where sql gates ask (REAPER_GATE_DATABASE_URL); without it they are red. */
  databaseUrl?: string | undefined;
  /** Gates of kind `function`, by name. */
  functions?: Readonly<Record<string, Gate>> | undefined;
}

/** Asks gates. */
export interface Gates {
  /**
   * Asks one gate. Whatever goes wrong, its timeout included, is red with the cause.
   *
   * @throws the signal's reason when it is aborted, or that the gates were closed; then nothing is known. What the gate
   *   started is over by then
   */
  check(spec: GateSpec, input: GateInput, signal: AbortSignal): Promise<GateResult>;
  /** Cancels what still goes on, waits for its end and closes the connections. May be called again. */
  close(): Promise<void>;
}

/** One check under way. */
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
    context: { signal: AbortSignal },
  ): Promise<GateResult> {
    switch (gate.kind) {
      case 'git':
        return checkGit(gate, input, context);
      case 'command':
        return checkCommand(gate, input, context);
      case 'function':
        return checkFunction(gate, functions, input, context);
      case 'sql':
        if (options.databaseUrl === undefined) {
          return {
            green: false,
            reason: 'expected a database for the sql gate: set REAPER_GATE_DATABASE_URL',
          };
        }
        sqlGate ??= createSqlGate(options.databaseUrl);
        return sqlGate.check(gate, input, context);
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
      const over = withTimeout((gate.timeout_s ?? DEFAULT_TIMEOUT_S) * 1000, controller, () =>
        dispatch(gate, input, controller),
      );
      const run = { controller, over };
      running.add(run);
      try {
        const result = await over;
        // Cancelled while a timeout was ending the gate: nobody waits for that answer.
        signal.throwIfAborted();
        return plainResult(result);
      } finally {
        running.delete(run);
        signal.removeEventListener('abort', cancel);
      }
    },
    async close() {
      isClosed = true;
      for (const { controller } of running) controller.abort(closedError());
      await Promise.allSettled([...running].map(({ over }) => over));
      const toClose = sqlGate;
      sqlGate = undefined;
      await toClose?.close();
    },
  };
}

async function withTimeout(
  timeoutMs: number,
  controller: AbortController,
  gate: () => Promise<GateResult>,
): Promise<GateResult> {
  const { signal } = controller;
  const reason = `expected an answer within ${timeoutMs / 1000} s, got none: the gate was ended`;
  const timeout = new Error(reason);
  const timer = setTimeout(() => controller.abort(timeout), timeoutMs);
  try {
    const result = await gate();
    signal.throwIfAborted();
    return result;
  } catch (error) {
    if (!signal.aborted) return failed(error);
    if (signal.reason !== timeout) throw signal.reason;
    return error instanceof GateFailure
      ? { green: false, reason, evidence: error.evidence }
      : { green: false, reason };
  } finally {
    clearTimeout(timer);
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
