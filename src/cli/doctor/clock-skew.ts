import { fail, ok, warn, type Finding } from './check.js';

const TOLERATED_S = 5;
const HARMFUL_S = 60;

/** Judges how far apart two clocks are. */
export function judgeSkew(clocks: string, skewS: number, consequence: string): Finding {
  const expected = `${clocks} within ${TOLERATED_S} s`;
  const shown = skewS < 1 ? 'less than 1 s apart' : `${Math.round(skewS)} s apart`;
  if (skewS <= TOLERATED_S) return ok(expected, shown);
  const finding = skewS > HARMFUL_S ? fail : warn;
  return finding(expected, `${shown}: ${consequence}`, 'let NTP (chrony, systemd-timesyncd) set both clocks');
}
