import { messageOf } from './errors.js';

/** gRPC status codes of a call whose deadline passed: told by the server, or by our own end. */
const OVERDUE: readonly unknown[] = [1, 4];
const LONGEST_CHAIN = 5;

/**
 * Why Temporal gave no answer. The SDK's own message names only the call; what went wrong is in its causes.
 *
 * @param limitMs milliseconds that the call had
 */
export function describeTemporalError(error: unknown, limitMs: number): string {
  let cause = error;
  for (let depth = 0; depth < LONGEST_CHAIN && cause instanceof Error; depth += 1, cause = cause.cause) {
    const { code, details } = cause as { code?: unknown; details?: unknown };
    if (OVERDUE.includes(code)) return `no answer within ${limitMs / 1000} s`;
    if (typeof details === 'string' && details !== '') return details;
  }
  return messageOf(error);
}
