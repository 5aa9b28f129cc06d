import type { Ambush, PostgresProxy } from '../world/postgres-proxy.js';
import { waitFor } from './wait.js';

/** Milliseconds that an ambush lies in wait. */
const AMBUSH_MS = 20_000;

/** Waits for a statement, and breaks its connection there. Null when none came. */
export async function ambush(
  proxy: PostgresProxy,
  where: Omit<Ambush, 'spring'>,
  then: () => void = () => undefined,
): Promise<true | null> {
  let isSprung = false;
  const callOff = proxy.lieInWait({
    ...where,
    spring: () => {
      isSprung = true;
      then();
    },
  });
  const sprung = await waitFor(() => (isSprung ? true : null), AMBUSH_MS);
  callOff();
  return sprung;
}
