/** The rules that say which snapshots of the schedule stay: `12x5m,24x1h,30x1d`. */
import { MultisnapError } from "../errors.ts";
import { formatPeriod, parsePeriod } from "./period.ts";

/** One snapshot for each of the last `count` buckets of `period` milliseconds that have any. */
export interface KeepRule {
  count: number;
  period: number;
}

const COUNT_MAX = 1_000_000;
const RULES_MAX = 64;

/** Errors: `Invalid`, which says what is wrong with which rule. */
export function parseKeep(text: string): KeepRule[] {
  const rules = text.split(",").map((part) => parseRule(part.trim()));
  if (rules.length > RULES_MAX) {
    throw new MultisnapError("Invalid", `${rules.length} rules: the most is ${RULES_MAX}`);
  }
  for (const [index, rule] of rules.entries()) {
    const other = rules.slice(0, index).find(({ period }) => period === rule.period);
    if (other === undefined) continue;
    const both = `${formatRule(other)} and ${formatRule(rule)}`;
    throw new MultisnapError("Invalid", `${both} are rules for the same period: give one of them`);
  }
  return rules;
}

function parseRule(text: string): KeepRule {
  const match = /^([0-9]+)x(.*)$/.exec(text);
  if (match === null) {
    throw invalid(text, "give a count, x and a period, as in 24x1h");
  }
  const count = Number(match[1]);
  if (count < 1 || count > COUNT_MAX) throw invalid(text, `the count is from 1 to ${COUNT_MAX}`);
  return { count, period: parsePeriod(match[2] as string) };
}

function invalid(text: string, wanted: string): MultisnapError {
  return new MultisnapError("Invalid", `${JSON.stringify(text)} is not a rule: ${wanted}`);
}

export function formatRule({ count, period }: KeepRule): string {
  return `${count}x${formatPeriod(period)}`;
}

export function formatKeep(rules: readonly KeepRule[]): string {
  return rules.map(formatRule).join(",");
}

/** What may surprise about rules over a snapshot every `every` milliseconds, a sentence each. */
export function remarks(every: number, rules: readonly KeepRule[]): string[] {
  return rules.flatMap((rule) => {
    const [name, each] = [formatRule(rule), formatPeriod(every)];
    if (rule.period < every) {
      const back = formatPeriod(rule.count * every);
      return [`${name}: with one snapshot every ${each} this keeps the last ${back}`];
    }
    if (rule.period % every === 0) return [];
    return [`${name}: ${each} does not divide ${formatPeriod(rule.period)}: unevenly spaced`];
  });
}
