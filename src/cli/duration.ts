import { InvalidArgumentError } from 'commander';

const UNIT_S = { d: 86_400, h: 3600, m: 60, s: 1 } as const;
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

/** Formats seconds for {@link parseDuration}, with the two largest units: `1h30m`, `45s`. */
export function formatDuration(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, size] of Object.entries(UNIT_S)) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)}${unit}`);
    rest %= size;
  }
  return parts.slice(0, 2).join('') || '0s';
}
