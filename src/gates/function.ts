import { didYouMean } from '../domain/did-you-mean.js';
import { shown } from '../domain/wording.js';
import { untilAborted } from './aborted.js';
import { GateNotAsked, isAway, notAsked } from './not-asked.js';
import type { SpecOf } from './spec.js';
import type { Gate, GateInput, GateResult } from './types.js';

/**
 * Kind `function`: asks the function registered under that name.
 *
 * @throws the signal's reason, immediately: a function that ignores the signal is left running; GateNotAsked when it
 *   throws that or an error that says a server is down, or when it is not registered; or whatever else it throws
 */
export async function checkFunction(
  spec: SpecOf<'function'>,
  functions: ReadonlyMap<string, Gate>,
  input: GateInput,
  context: { signal: AbortSignal },
): Promise<GateResult> {
  const gate = functions.get(spec.name);
  if (gate === undefined) {
    throw new GateNotAsked(
      `expected a registered function, got ${shown(spec.name)}${didYouMean(spec.name, [...functions.keys()])}`,
    );
  }
  // In an async function, so that a gate that throws synchronously is handled like any other.
  const ask = async (): Promise<unknown> => gate({ ...input }, context);
  const answer = await untilAborted(ask(), context.signal).catch((error: unknown) => {
    throw !context.signal.aborted && isAway(error)
      ? notAsked(`expected function ${shown(spec.name)} to reach what it needs, got`, error)
      : error;
  });
  if (isResult(answer)) return answer;
  return {
    green: false,
    reason: `expected { green: boolean, reason: string } from function ${shown(spec.name)}, got ${shown(answer)}`,
  };
}

function isResult(value: unknown): value is GateResult {
  if (typeof value !== 'object' || value === null) return false;
  const { green, reason } = value as Partial<Record<keyof GateResult, unknown>>;
  return typeof green === 'boolean' && typeof reason === 'string';
}
