import pc from 'picocolors';

/** Color for a terminal, or on request. The library's default would also color the piped output of a CI job. */
const isWanted = process.stdout.isTTY || Boolean(process.env['FORCE_COLOR']);

/** Colors on a terminal; none elsewhere, and none if NO_COLOR is set. */
export const colors = pc.createColors(isWanted && pc.isColorSupported);
