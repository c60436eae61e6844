//! Makes the sample data: `gen_data [--scale S] [--out DIR] [--seed N]`.

use dask_benches::data::{Options, make};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options { folder: "target/data".into(), scale: 1.0, seed: 42 };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--scale" => options.scale = value.parse()?,
            "--out" => options.folder = value.into(),
            "--seed" => options.seed = value.parse()?,
            other => return Err(format!("unknown option {other}; there are --scale, --out, --seed").into()),
        }
    }
    let made = make(&options)?;
    println!("{} {}", if made { "made" } else { "there already:" }, options.folder.display());
    Ok(())
}
