/** How often something was tried, and how often it succeeded. */
export class Tally {
  done = 0;
  failed = 0;
  /** The last error, in words. */
  lastError = '';

  /** Counts the outcome. Keeps an error unless it is to be thrown. */
  async count(
    attempt: () => Promise<unknown>,
    isThrown: (error: unknown) => boolean = () => false,
  ): Promise<void> {
    try {
      await attempt();
      this.done += 1;
    } catch (error) {
      if (isThrown(error)) throw error;
      this.failed += 1;
      this.lastError = String(error);
    }
  }

  /** As it is now. */
  copy(): Tally {
    return Object.assign(new Tally(), this);
  }
}
