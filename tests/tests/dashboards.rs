//! dashboards/: every metric and label that is asked for exists, every alert is explained and tested, and Prometheus'
//! own program accepts the rules. A test of the program holds docs/metrics.md, which these are compared with, to be true.
#![cfg(test)]

mod files;
mod dashboards {
    mod documented;
    mod expression;
    mod grafana;
    mod panels;
    mod prometheus;
    mod rules;
}
