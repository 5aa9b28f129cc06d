import { didYouMean, shown } from '../domain/wording.js';
import { untilAborted } from './aborted.js';
import { GateNotAsked, isAway, notAsked } from './not-asked.js';
import type { FunctionSpec } from './spec.js';
import type { Gate, GateInput, GateResult } from './types.js';

/**
 * Kind `function`: asks the function of that name.
 *
 * @throws the signal's reason, at once: a function that does not heed the signal is left behind; GateNotAsked when it
 *   throws that, or what says that a server is away, or when nobody registered it; or what else it throws
 */
export async function checkFunction(
  spec: FunctionSpec,
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
  // In a function of its own: one that throws before its promise counts like any other.
  const ask = async (): Promise<unknown> => gate({ ...input }, context);
  const answer = await untilAborted(ask(), context.signal).catch((error: unknown) => {
    throw !context.signal.aborted && isAway(error)
      ? notAsked(`expected function ${shown(spec.name)} to reach what it asks, got`, error)
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
