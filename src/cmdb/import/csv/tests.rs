use super::*;
use crate::cmdb::import::read_any;
use crate::cmdb::problem::PROBLEMS_MAX;

/// The rows of a table, each on a line, or what is wrong with it.
fn read_cis(text: &str) -> Result<Vec<String>, Vec<String>> {
    let draft = read(text);
    if !draft.problems.is_empty() {
        return Err(draft.problems.iter().map(ToString::to_string).collect());
    }
    let line = |(place, ci): &(Place, Arc<CiRow>)| {
        let pairs = ci.attributes.iter().map(|(name, value)| format!(" {name}={value:?}"));
        let labels = ci.labels.iter().map(|(name, value)| format!(" [{name}={value}]"));
        let more: Vec<String> = pairs.chain(labels).collect();
        format!("{}:{} {} {}{}", place.line, place.column, ci.name, ci.class, more.concat())
    };
    Ok(draft.cis.iter().map(line).collect())
}

#[test]
fn a_table_is_read_whatever_separates_and_ends_its_cells() {
    for text in [
        "name,class,rack,label:host\na,server,R1,a.x\nb,vm,,\n",
        "\u{feff}name;class;rack;label:host\r\na;server;R1;a.x\r\nb;vm;;\r\n",
        "name\tclass\track\tlabel:host\ra\tserver\tR1\ta.x\rb\tvm\t\t",
        " name , class ,rack,label:host\n\"a\",\"server\",\"R1\",\"a.x\"\nb,vm,,\n",
    ] {
        let expected = ["2:1 a server rack=\"R1\" [host=a.x]", "3:1 b vm"];
        assert_eq!(read_cis(text).as_deref(), Ok(&expected.map(String::from)[..]), "{text:?}");
    }
}

#[test]
fn quotes_keep_what_would_else_end_a_cell() {
    let text = "class,name,note\nvm,\"a, \"\"b\"\"\",\"two\r\nlines\"\n\n  \nvm,c,\"\"\nvm,d,\n";
    assert_eq!(
        read_cis(text).unwrap(),
        [
            "2:4 a, \"b\" vm note=\"two\\r\\nlines\"",
            "6:4 c vm note=\"\"",
            // Nothing is not the empty text.
            "7:4 d vm",
        ]
    );
}

#[test]
fn a_column_can_be_said_to_be_an_attribute() {
    let text = "id,class,attribute:label:x,type,name2\na,vm,1,2,3\n";
    assert_eq!(read_cis(text).unwrap(), ["2:1 a vm label:x=\"1\" name2=\"3\" type=\"2\""]);
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place() {
    for (text, expected) in [
        (
            "nmae,class\na,b\n",
            &["1:1: error[C020]: the header is neither of CIs nor of relations"][..],
        ),
        ("", &["1:1: error[C020]: the header is neither of CIs nor of relations"]),
        (
            "name,class,x,x\na,vm,1,2\n",
            &["1:14: error[C020]: column `x` is given twice; keep one of the two"],
        ),
        (
            "from,relation,to,sourse\na,powers,b,c\n",
            &["1:18: error[C020]: unknown column `sourse`; did you mean `source`?"],
        ),
        (
            "name,class\na,vm,x\nb\nc,vm\n",
            &[
                "2:6: error[C021]: the record has 3 cells, the header has 2",
                "3:1: error[C021]: the record has 1 cells, the header has 2",
            ],
        ),
        (
            "name,class\na \"b\",vm\n\"a\"b,vm\nc,\"vm\nd,vm\n",
            &[
                "2:3: error[C021]: a quote in a cell that is not quoted",
                "3:4: error[C021]: text behind the quote that closes the cell",
                "4:3: error[C021]: the quote is never closed",
            ],
        ),
        ("name,class,\na,vm,x\n", &["2:6: error[C021]: `x` stands in a column without a name"]),
        (
            "from,relation,to,seen_at\na,,b,\na,powers,b,yesterday\n",
            &[
                "2:3: error[C008]: the relation has no `relation`",
                "3:12: error[C030]: `seen_at` is `yesterday`, which is no time",
            ],
        ),
        (
            "relation_type,converse,suffers\nfeeds,fed_by,both\n",
            &["2:14: error[C010]: `suffers` is `both`, must be from or to"],
        ),
    ] {
        let problems = read_cis(text).unwrap_err();
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem}, not {expected}");
        }
    }
    let problems = read_any("name,class\na,vm\na,vm\nb,\n", "t.csv").unwrap_err();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "t.csv:3:1: error[C003]: CI `a` is given twice; keep one of the two",
            "t.csv:4:1: error[C011]: CI `b` needs a class",
        ]
    );
}

#[test]
fn only_tables_are_taken_for_tables() {
    for (text, is) in [
        ("name,class\n", true),
        ("\"name\";\"class\"\n", true),
        ("to,from,type\n", true),
        ("relation_type,suffers,converse\n", true),
        ("name\n", false),
        ("cis: {a: {class: vm}}\n", false),
        ("{\"cis\": []}", false),
        ("from,to\n", false),
    ] {
        assert_eq!(is_csv(text), is, "{text}");
    }
}

#[test]
fn of_a_table_that_is_wrong_in_every_line_so_many_problems_are_told() {
    let problems = |lines: usize| {
        let problems = read_any(&format!("name,class\n{}", ",\n".repeat(lines)), "x.csv");
        problems.unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(problems(PROBLEMS_MAX).len(), PROBLEMS_MAX);
    let more = problems(100_000);
    assert_eq!(more.len(), PROBLEMS_MAX + 1);
    let says = "error[C009]: more than 1000 things are wrong; these are the first";
    assert!(more.last().unwrap().contains(says), "{:?}", more.last());
}

#[test]
fn when_too_much_is_wrong_with_the_cis_no_relation_is_blamed() {
    let cis: Vec<String> = (0..2_000).map(|n| format!("  a{n}: {{class: ''}}\n")).collect();
    let text = format!("cis:\n{}relations: [a1 -hosts-> a1999]\n", cis.concat());
    let problems = crate::cmdb::import::read(&text, "x.yaml").unwrap_err();
    assert!(problems.iter().all(|it| it.message.contains("class") || it.code == "C009"));
}
