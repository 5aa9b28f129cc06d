/**
 * Where this user's data or cached files of job-reaper belong. The library asks for the home folder as soon as it is loaded, and a
 * service's user may have none, so it is loaded only where a folder is needed.
 *
 * @throws when this user has no home folder
 */
export async function userFolder(kind: 'data' | 'cache'): Promise<string> {
  try {
    const { default: envPaths } = await import('env-paths');
    return envPaths('job-reaper', { suffix: '' })[kind];
  } catch (cause) {
    throw new Error(
      `Expected a home folder for the ${kind} of job-reaper, got none for this user: set HOME`,
      {
        cause,
      },
    );
  }
}
