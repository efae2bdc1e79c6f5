import { type Peer, peersOf, type Scenario } from "./catalogue.ts";
import type { RuntimeName, Runtimes } from "./runtimes.ts";

/** Which servers are measured in what; those whose runtime is missing are left out. */
export interface Plan {
  scenario: Scenario;
  peers: Peer[];
}

/**
 * Says what is to be done.
 *
 * @param scenarios All of them.
 * @param runtimes What was found.
 * @param only Scenarios and servers to keep; empty for all. What ratios compare with
 *   always stays.
 */
export function makePlan(
  scenarios: readonly Scenario[],
  runtimes: Pick<Runtimes, "found">,
  only: readonly string[],
): Plan[] {
  const plans = wantedOf(scenarios, only)
    .filter(({ needs }) => needs === undefined || needs in runtimes.found)
    .map((scenario) => ({
      scenario,
      peers: peersOf(scenario)
        .filter(({ runtime }) => runtimes.found[runtime] !== undefined),
    }));
  const chosen = only.filter((name) =>
    !scenarios.some(({ id }) => id === name)
  );
  if (chosen.length === 0) return plans;
  return plans.map(({ scenario, peers }) => ({
    scenario,
    peers: peers.filter(({ id }, at) => at === 0 || chosen.includes(id)),
  }));
}

function wantedOf(
  scenarios: readonly Scenario[],
  only: readonly string[],
): Scenario[] {
  const hasScenario = scenarios.some(({ id }) => only.includes(id));
  return scenarios.filter(({ id }) => !hasScenario || only.includes(id));
}

/** The runtimes that a plan may need. */
export function runtimesFor(
  scenarios: readonly Scenario[],
  only: readonly string[],
): Set<RuntimeName> {
  return new Set(
    wantedOf(scenarios, only).flatMap((scenario) => [
      ...peersOf(scenario).map(({ runtime }) => runtime),
      ...(scenario.needs === undefined ? [] : [scenario.needs]),
    ]),
  );
}
