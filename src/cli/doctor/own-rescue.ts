import { readOwnRescues, type OwnRescues } from '../../db/inspect/own-rescue.js';
import { formatDuration } from '../../domain/duration.js';
import { ok, warn, type Check, type Finding } from './check.js';

const EXPECTED =
  "the queue's own rescue later than the longest job: by age alone, it runs live jobs a second time";
/** A run that has used up this part of the time until its rescue is too close to it. */
const CLOSE = 0.5;

/** Checks that the queue's own rescue, where the adapter can read its setting, leaves live jobs alone. */
export const ownRescueCheck: Check = {
  name: 'own rescue',
  needs: ['postgres', 'schema'],
  async run({ admin, settings }) {
    if (admin === null) return [ok(EXPECTED, 'not looked at without DATABASE_ADMIN_URL')];
    const ceilingS = settings.REAPER_MAX_RUNNING_S;
    const rescues = await readOwnRescues(admin, ceilingS);
    return rescues === null
      ? [ok(EXPECTED, 'the adapter knows of none in the database')]
      : explain(rescues, ceilingS);
  },
};

function explain({ next, short, shortCount }: OwnRescues, ceilingS: number): Finding[] {
  const findings: Finding[] = [];
  if (next !== null && next.ageS > CLOSE * next.afterS) {
    const { what, afterS, remedy, jobId, ageS } = next;
    findings.push(
      warn(
        EXPECTED,
        `${what}: after ${formatDuration(afterS)}, and job ${jobId} has been running for ${formatDuration(ageS)}`,
        remedy,
      ),
    );
  }
  const [first] = short;
  if (first !== undefined) {
    const listed = short.map(({ what, afterS }) => `${what}: after ${formatDuration(afterS)}`).join('; ');
    const more = shortCount > short.length ? `; and ${shortCount - short.length} more` : '';
    findings.push(
      warn(
        `${EXPECTED}, which may take ${formatDuration(ceilingS)} (REAPER_MAX_RUNNING_S)`,
        `${listed}${more}`,
        `${first.remedy}, or set REAPER_MAX_RUNNING_S to your longest job`,
      ),
    );
  }
  if (findings.length > 0) return findings;
  return [ok(EXPECTED, 'it is, by what is running and by REAPER_MAX_RUNNING_S')];
}
