/**
 * The results as charts. Apache ECharts draws them, without a browser.
 *
 * @module
 */

import * as echarts from "npm:echarts@6.1.0";
import {
  hasCpu,
  mainMetric,
  type Results,
  type ScenarioResults,
  summaryOf,
} from "./results.ts";

/** A chart: what it belongs to in the report, its file and its text. */
export interface Chart {
  about: string;
  file: string;
  svg: string;
}

type Option = echarts.EChartsCoreOption;

const WIDTH = 860;
const BAR_HEIGHT = 22;
const OURS = "#0f766e";
const OURS_TOO = "#5eada6";
const OTHERS = "#9ca3af";
const LINES = [OURS, "#6b7280", "#d97706", "#4f46e5"];
const TEXT = {
  color: "#1f2937",
  fontFamily: "Arial, sans-serif",
  fontSize: 12,
};

/** Every chart that the results have numbers for. */
export function drawCharts(results: Results): Chart[] {
  const bars = results.scenarios
    .filter(({ group }) => group === "peers")
    .flatMap((scenario) => drawBars(scenario) ?? []);
  const lines = [
    drawLines(results, "connections", "CPU µs per frame, by connections"),
    drawLines(results, "sizes", "CPU µs per frame, by payload"),
  ];
  return [...bars, ...lines.flatMap((chart) => chart ?? [])];
}

/** A bar for each server, the best one on top. */
function drawBars(scenario: ScenarioResults): Chart | undefined {
  const { id, title, kind, unit, rows } = scenario;
  const metric = mainMetric(kind, hasCpu(scenario));
  const bars = rows.flatMap(({ peer, label }, index) => {
    const median = summaryOf(rows[index], metric)?.median;
    return median === undefined ? [] : [{ peer, label, median }];
  }).sort((a, b) => b.median - a.median);
  if (bars.length === 0) return undefined;
  const what = {
    cpuMicros: `server CPU µs per ${unit.name}, less is better`,
    residentKiB: `KiB per ${unit.name}, less is better`,
    rate: kind === "stall"
      ? `${unit.plural} per connection`
      : `${unit.plural} a second`,
    p50Ms: "",
    p99Ms: "",
  }[metric];
  const option: Option = {
    ...heading(title, what),
    grid: { left: 190, right: 70, top: 56, bottom: 12 },
    xAxis: {
      type: "value",
      axisLabel: { show: false },
      splitLine: { show: false },
    },
    yAxis: {
      type: "category",
      data: bars.map(({ label }) => label),
      axisTick: { show: false },
      axisLabel: TEXT,
    },
    series: [{
      type: "bar",
      barWidth: 14,
      data: bars.map(({ peer, median }) => ({
        value: median,
        itemStyle: { color: colorOf(peer) },
        label: { formatter: short(median) },
      })),
      label: { ...TEXT, show: true, position: "right" },
    }],
  };
  return {
    about: id,
    file: `${id}.svg`,
    svg: render(option, 72 + bars.length * BAR_HEIGHT),
  };
}

/** A line for each server over the scenarios of a group. */
function drawLines(
  { scenarios }: Results,
  group: ScenarioResults["group"],
  title: string,
): Chart | undefined {
  const points = scenarios.filter((scenario) => scenario.group === group);
  if (points.length < 2) return undefined;
  const option: Option = {
    ...heading(title, "the server's user and system time, less is better"),
    color: LINES,
    legend: { top: 56, left: 0, itemGap: 28, textStyle: TEXT },
    grid: { left: 60, right: 20, top: 96, bottom: 36 },
    xAxis: {
      type: "category",
      data: points.map(({ title }) => title),
      axisLabel: TEXT,
    },
    yAxis: { type: "log", axisLabel: { ...TEXT, formatter: short } },
    series: points[0].rows.map(({ peer, label }) => ({
      name: label,
      type: "line",
      lineStyle: { width: peer === "sluice" ? 3 : 1.5 },
      data: points.map(({ rows }) => {
        const row = rows.find((row) => row.peer === peer);
        return row && summaryOf(row, "cpuMicros")?.median;
      }),
    })),
  };
  return { about: group, file: `${group}.svg`, svg: render(option, 380) };
}

function heading(text: string, subtext: string): Option {
  return {
    animation: false,
    backgroundColor: "#ffffff",
    title: {
      text,
      subtext,
      left: 0,
      top: 6,
      textStyle: { ...TEXT, fontSize: 15, fontWeight: 600 },
      subtextStyle: { ...TEXT, color: "#4b5563" },
    },
  };
}

function colorOf(peer: string): string {
  if (peer === "sluice") return OURS;
  return peer.startsWith("sluice-") ? OURS_TOO : OTHERS;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function render(option: Option, height: number): string {
  const chart = echarts.init(null, null, {
    renderer: "svg",
    ssr: true,
    width: WIDTH,
    height,
  });
  try {
    chart.setOption(option);
    return `${chart.renderToSVGString()}\n`;
  } finally {
    chart.dispose();
  }
}
