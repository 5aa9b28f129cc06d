/** Where gates look for programs: the one thing of our environment that their processes get. */
export function searchPath(): string {
  return process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
}
