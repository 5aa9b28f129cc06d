/** One metric of a scraped page. */
export interface Metric {
  type: string;
  help: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

/** Reads Prometheus' text format, version 0.0.4. Throws for an invalid line. */
export function parseExposition(text: string): Map<string, Metric> {
  const metrics = new Map<string, Metric>();
  const metric = (name: string) => {
    const known = metrics.get(name) ?? { type: 'untyped', help: '', samples: [] };
    metrics.set(name, known);
    return known;
  };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment) {
      const [, kind, name = '', rest = ''] = comment;
      metric(name)[kind === 'HELP' ? 'help' : 'type'] = rest;
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (sample === null || Number.isNaN(Number(sample[3]?.replace('+Inf', 'Infinity')))) {
      throw new Error(`Expected a line of Prometheus' text format, got "${line}"`);
    }
    const [, name = '', labels = '', value] = sample;
    const family = name.replace(/_(bucket|sum|count)$/, '');
    metric(metrics.get(family)?.type === 'histogram' ? family : name).samples.push({
      name,
      labels: Object.fromEntries(
        [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text]),
      ),
      value: Number(value),
    });
  }
  return metrics;
}
