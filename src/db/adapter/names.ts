/** A regular expression for a name in SQL, quoted or not. */
export const NAME = `(?:"(?:[^"]|"")+"|\\w+)`;
/** The same for the name of a relation, with its schema or without. */
export const QUALIFIED = `${NAME}(?:\\.${NAME})?`;
