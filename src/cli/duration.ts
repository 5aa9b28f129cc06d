import { InvalidArgumentError } from 'commander';
import { UNIT_S } from '../domain/duration.js';

const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;
const MAX_S = 365 * UNIT_S.d;

/**
 * Reads a duration such as `1h30m`, `90s` or `2d`.
 *
 * @returns whole seconds
 * @throws InvalidArgumentError for anything else, for zero and for more than a year
 */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text);
  const [, d = 0, h = 0, m = 0, s = 0] = (match ?? []).map(Number).map((n) => (Number.isNaN(n) ? 0 : n));
  const seconds = d * UNIT_S.d + h * UNIT_S.h + m * UNIT_S.m + s;
  if (match === null || seconds === 0 || seconds > MAX_S) {
    throw new InvalidArgumentError('Expected a duration of 1s to 365d such as 1h30m, 45m or 90s.');
  }
  return seconds;
}
