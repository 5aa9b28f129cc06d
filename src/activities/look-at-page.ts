import type { HostRow } from '../db/host-pages.js';
import {
  interestIn,
  Kinds,
  MAX_NAMES_BYTES,
  type HostLook,
  type LookLimits,
  type SeenRun,
  type Sighting,
} from '../domain/host-look.js';
import { digestOf } from './run-digest.js';

/**
 * What a look at a page returns.
 *
 * @param named for a second look: the runs that the first one named, whose facts must still be the same
 */
export function toHostLook(
  rows: readonly HostRow[],
  sightings: readonly Sighting[],
  limits: LookLimits,
  named: readonly SeenRun[] | null,
): HostLook {
  const kinds = new Kinds();
  const runs: SeenRun[] = [];
  const seen: number[] = [];
  const byRun = new Map<string, number>();
  let others = 0;
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    const sighting = sightings[index];
    if (sighting === undefined) continue;
    const interest = interestIn(row, sighting, limits);
    if (interest === 'none') continue;
    const run: SeenRun = [row.jobId, row.runKey, digestOf(row)];
    const name = JSON.stringify(run);
    if (interest !== 'other') bytes += Buffer.byteLength(name) + 1;
    const isNamed = interest !== 'other' && bytes <= MAX_NAMES_BYTES;
    const kind = isNamed ? kinds.add(sighting, row, interest === 'once') : null;
    if (kind === null) {
      others += 1;
      continue;
    }
    byRun.set(name, kind);
    runs.push(run);
    seen.push(kind);
  }
  const base = { readMs: rows[0]?.readMs ?? 0, kinds: kinds.list, rows: rows.length, others };
  if (named === null) return { ...base, runs, seen };
  return { ...base, runs: [], seen: named.map((run) => byRun.get(JSON.stringify(run)) ?? -1) };
}

/** Of a page's rows those that an earlier look named: fewer processes to probe. */
export function keepNamed<Row extends HostRow>(
  rows: readonly Row[],
  named: readonly SeenRun[] | null,
): readonly Row[] {
  if (named === null) return rows;
  const ids = new Set(named.map(([jobId]) => jobId));
  return rows.filter(({ jobId }) => ids.has(jobId));
}
