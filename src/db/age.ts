/**
 * SQL for the seconds since a moment; null for infinity.
 *
 * @param now the database's clock, read once per statement
 */
export function secondsSince(moment: string, now = 'c.now'): string {
  return `case when isfinite(${moment}) then extract(epoch from ${now} - ${moment})::double precision end`;
}
