"""From report to findings: reports in, the stages that read them, and the two engines that run the stages."""
