//! Bad job XML: see `bad`.

use super::bad::check;
use crate::jobfile::Format;

#[test]
fn bad_hpc_xml() {
    check(
        "job.xml",
        Format::HpcXml,
        &[
            ("<Job>", "1:1: not valid XML: <Job> is not closed"),
            (
                "<Job/>",
                "1:1: the job has no task; give it one with a command, or let it run until canceled",
            ),
            (
                "<Jobs/>",
                r#"1:1: unknown element "Jobs"; did you mean "Job"?"#,
            ),
            (
                "<Job></Jobs>",
                "1:6: not valid XML: ill-formed document: expected `</Job>`, but `</Jobs>` was found",
            ),
            (
                r#"<Job Name="a" Name="b"/>"#,
                "1:15: not valid XML: an attribute is given twice; remove one",
            ),
            (
                r#"<Job Nam="a"/>"#,
                r#"1:6: unknown attribute "Nam"; did you mean "Name"?"#,
            ),
            (
                "<Job Name=a/>",
                "1:11: not valid XML: a value is not in quotation marks",
            ),
            (
                r#"<!DOCTYPE x [<!ENTITY a "b">]><Job/>"#,
                "1:1: document types (<!DOCTYPE) and their entities are not allowed in a job file; write the text itself",
            ),
            (
                r#"<Job Name="&a;"/>"#,
                r#"1:6: unknown entity "a"; known here: amp, lt, gt, quot, apos, and characters by number"#,
            ),
            (
                r#"<Job xmlns="http://x"/>"#,
                r#"1:1: unknown namespace "http://x"; <Job> must be in http://schemas.microsoft.com/HPCS2008R2/scheduler/ or in none"#,
            ),
            (
                "<x:Job/>",
                r#"1:1: unknown namespace "x"; <Job> must be in http://schemas.microsoft.com/HPCS2008R2/scheduler/ or in none"#,
            ),
            (
                "<Job>text</Job>",
                r#"1:1: Job: has the text "text" in it; it takes elements only"#,
            ),
            (
                "<Job/><Job/>",
                "1:7: not valid XML: there is a second element beside <Job>; a file describes one job",
            ),
            (
                "<Job/>x",
                r#"1:7: not valid XML: the text "x" is outside of <Job>"#,
            ),
            (
                r#"<Job UnitType="Rack"/>"#,
                r#"1:6: UnitType: "Rack" is not known; write Core, Socket, Node or Gpu"#,
            ),
            (
                r#"<Job MinNodes="2"/>"#,
                r#"1:6: MinNodes: needs UnitType="Node""#,
            ),
            (
                r#"<Job MinCores="0"/>"#,
                r#"1:6: MinCores: "0" is not a whole number from 1 to 1000000"#,
            ),
            (
                r#"<Job MinCores="x"/>"#,
                r#"1:6: MinCores: "x" is not a whole number from 1 to 1000000"#,
            ),
            (
                r#"<Job Priority="Normal" ExpandedPriority="3500"/>"#,
                r#"1:24: ExpandedPriority: "3500" contradicts Priority="Normal"; remove one"#,
            ),
            (
                r#"<Job NodeGroups="gpu" NodeGroupOp="Any"/>"#,
                r#"1:23: NodeGroupOp: "Any" is not a way to join node groups; write intersect, uniform or union"#,
            ),
            (
                r##"<Job OrderBy="#3"/>"##,
                r##"1:6: OrderBy: "#3" is not an order of nodes; write cores, memory or both, as in cores,-memory for the most cores and then the least memory"##,
            ),
            (
                r#"<Job ParentJobIds="1,x"/>"#,
                r#"1:6: ParentJobIds: "1,x" is not a list of job numbers; write it like 3,17"#,
            ),
            (
                r#"<Job SoftwareLicense="a"><Tasks><Task CommandLine="x"/></Tasks></Job>"#,
                r#"1:6: licence "a" has no count; write it like feature:2 or feature:*"#,
            ),
            (
                r#"<Job JobType="Service"/>"#,
                r#"1:6: JobType="Service" is not served by jobyard yet; use JobType="Batch" with tasks"#,
            ),
            (
                r#"<Job><Tasks><Task Type="Service" CommandLine="x"/><Task CommandLine="x"/></Tasks></Job>"#,
                "1:13: task 1 is a service: beside it a job has only node prepare and node release tasks",
            ),
            (
                r#"<Job>
 <Tasks>
  <Task Type="Sweep" CommandLine="x"/></Tasks></Job>"#,
                r#"3:9: Type: "Sweep" is not known; write Basic, ParametricSweep, Service, NodePrep or NodeRelease"#,
            ),
            (
                r#"<Job><Tasks><Task EndValue="5" CommandLine="x"/></Tasks></Job>"#,
                r#"1:19: EndValue: "5" needs Type="ParametricSweep""#,
            ),
            (
                "<Job><Tasks/><Tasks/></Job>",
                r#"1:14: element "Tasks" is given twice; remove one"#,
            ),
            (
                r#"<Job><Tasks><Task Name="a"/></Tasks></Job>"#,
                "1:13: task 1 needs a command line",
            ),
            (
                r#"<Job><Tasks><Task CommandLine="x" Runtime="soon"/></Tasks></Job>"#,
                r#"1:35: Runtime: "soon" is not a length of time; write it like 90s, 15m, 2h30m, 1d, like HPC Pack's [[days:]hours:]minutes, or infinite"#,
            ),
            (
                r#"<Job><Dependencies><Parent GroupId="1"><Child GroupId="2"/></Parent></Dependencies></Job>"#,
                r#"1:40: GroupId: "1" is the group of no task"#,
            ),
            (
                r#"<Job><Dependencies><Parent><Child GroupId="2"/></Parent></Dependencies></Job>"#,
                "1:20: Parent: has no GroupId",
            ),
            (
                "<Job><EnvironmentVariables><Variable><Value>x</Value></Variable></EnvironmentVariables></Job>",
                "1:28: Variable: has no Name",
            ),
            (
                "<Job><EnvironmentVariables><Variable><Name>&x;</Name></Variable></EnvironmentVariables></Job>",
                r#"1:44: unknown entity "x"; known here: amp, lt, gt, quot, apos, and characters by number"#,
            ),
            (
                "<Job><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>",
                "1:51: elements are nested more than 16 deep",
            ),
            (
                r#"<Job Password="x"/>"#,
                r#"1:6: Password="…" is not served by jobyard yet; a job file is no place for secrets: remove it"#,
            ),
            (
                r#"<Job IsExclusive="yes"/>"#,
                r#"1:6: IsExclusive: "yes" is not true or false"#,
            ),
            (
                r#"<Job HoldUntil="5/4/2031 10:00"/>"#,
                r#"1:6: HoldUntil: "5/4/2031 10:00" is not a date and time with a time zone; write it like 2031-05-04T18:30:00Z or 2031-05-04T18:30:00+02:00"#,
            ),
            (
                "<Job><Foo/></Job>",
                r#"1:6: unknown element "Foo"; known here: Tasks, EnvironmentVariables, CustomProperties, Dependencies"#,
            ),
            (
                "<Job <",
                "1:1: not valid XML: syntax error: tag not closed: `>` not found before end of input",
            ),
            (
                "<Job a",
                "1:1: not valid XML: syntax error: tag not closed: `>` not found before end of input",
            ),
            (
                "hello",
                r#"1:1: not valid XML: the text "hello" is outside of <Job>"#,
            ),
            (
                r#"<?xml version="1.0"?>"#,
                "1:1: not valid XML: there is no element <Job>",
            ),
            (
                r#"<Job><Tasks><Task CommandLine="x" RequiredNodes="n1"/></Tasks></Job>"#,
                r#"1:13: task 1 requires nodes, which needs a job that says its minimum and maximum itself"#,
            ),
            (
                r#"<Job NodeGroups="g"><Tasks><Task CommandLine="x" RequestedNodeGroup="g"/></Tasks></Job>"#,
                r#"1:28: task 1 asks for a node group, which goes with no node groups of the job"#,
            ),
            (
                r#"<Job><Tasks><Task CommandLine="x" Command="x"/></Tasks></Job>"#,
                r#"1:35: unknown attribute "Command"; known here: CommandLine, DependsOn, EndValue, FailJobOnFailure, FailJobOnFailureCount, GroupId, HasRuntime, IncrementValue, IsExclusive, IsParametric, IsRerunnable, MaxCores, MaxGpus, MaxNodes, MaxSockets, MinCores, MinGpus, MinNodes, MinSockets, Name, RequestedNodeGroup, RequiredNodes, Runtime, RuntimeSeconds, StartValue, StdErrFilePath, StdInFilePath, StdOutFilePath, Type, ValidExitCodes, WorkDirectory, IsServiceConcluded"#,
            ),
        ],
    );
}
