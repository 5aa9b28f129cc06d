import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Leaves a sign-off in the folder that DEMO_SIGN_OFFS names. */
export function signOff(workItem: string): void {
  writeFileSync(join(process.env['DEMO_SIGN_OFFS'] ?? '', workItem), 'Looks good to me.\n');
}
