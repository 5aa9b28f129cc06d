import { isRefusedGone } from './database-error.js';
import { CliError, messageOf } from './errors.js';

/** Says what Postgres refused to declare gone, and why, rather than that Postgres had trouble. */
export async function refusable<T>(declare: () => Promise<T>): Promise<T> {
  try {
    return await declare();
  } catch (error) {
    if (!(error instanceof CliError) || !isRefusedGone(error.cause)) throw error;
    throw new CliError(`Refused: ${messageOf(error.cause)}`);
  }
}
