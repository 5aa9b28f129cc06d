/** Seconds of each unit of a duration, the largest first. */
export const UNIT_S = { d: 86_400, h: 3600, m: 60, s: 1 } as const;

/** Formats seconds as a duration, with the two largest units: `1h30m`, `45s`. */
export function formatDuration(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, size] of Object.entries(UNIT_S)) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)}${unit}`);
    rest %= size;
  }
  return parts.slice(0, 2).join('') || '0s';
}
