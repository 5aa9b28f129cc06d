import pc from 'picocolors';

/** Somebody who looks, or who asked for it. The library alone would also colour what a CI job pipes. */
const isWanted = process.stdout.isTTY || Boolean(process.env['FORCE_COLOR']);

/** Colours on a terminal; none elsewhere, nor where NO_COLOR is set. */
export const colors = pc.createColors(isWanted && pc.isColorSupported);
