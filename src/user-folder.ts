/**
 * The folder for this user's job-reaper data or cache. The library looks up the home folder as soon as it is loaded, and a service's user
 * may have none. So it is loaded only when a folder is needed.
 *
 * @throws when this user has no home folder
 */
export async function userFolder(kind: 'data' | 'cache'): Promise<string> {
  try {
    const { default: envPaths } = await import('env-paths');
    return envPaths('job-reaper', { suffix: '' })[kind];
  } catch (cause) {
    throw new Error(`Expected a home folder for job-reaper's ${kind}, got none for this user: set HOME`, {
      cause,
    });
  }
}
